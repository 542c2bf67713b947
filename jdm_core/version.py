"""The version of the software, as reports state it."""

VERSION = "0.1.0"
