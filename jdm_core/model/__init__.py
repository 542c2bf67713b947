"""The joint diffusion network, its noise levels and samplers, and the devices it runs on."""
