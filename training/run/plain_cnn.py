"""The plain rival: a small convolutional network whose maximum over positions is all that its verdict reads."""

from torch import Tensor, nn

WIDTHS = (24, 48, 96, 128)
DROPOUT = 0.3


class PlainCNN(nn.Module):
    """Four stages of two 3×3 convolutions, each with BatchNorm and ReLU, and 2×2 maxima between; 0.42 M parameters.

    Logits (B, K) of images (B, 3, S, S) in [-1, 1], S a multiple of 16.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in WIDTHS:
            for _ in range(2):
                layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).amax(dim=(2, 3)))
