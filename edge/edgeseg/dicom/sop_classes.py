"""SOP classes of photographs."""

from pydicom.uid import UID

PHOTOGRAPHS = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.77.1.5.1",  # Ophthalmic Photography 8 Bit
        "1.2.840.10008.5.1.4.1.1.77.1.5.2",  # Ophthalmic Photography 16 Bit
        "1.2.840.10008.5.1.4.1.1.77.1.5.5",  # Wide Field, stereographic projection
        "1.2.840.10008.5.1.4.1.1.77.1.5.6",  # Wide Field, 3D coordinates
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.2",  # Multi-frame Grayscale Byte Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.3",  # Multi-frame Grayscale Word Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.4",  # Multi-frame True Color Secondary Capture
        "1.2.840.10008.5.1.4.1.1.77.1",  # VL Image, retired
        "1.2.840.10008.5.1.4.1.1.77.1.1",  # VL Endoscopic
        "1.2.840.10008.5.1.4.1.1.77.1.2",  # VL Microscopic
        "1.2.840.10008.5.1.4.1.1.77.1.4",  # VL Photographic
    }
)
"""UIDs of the supported SOP classes."""

OPHTHALMIC_PHOTOGRAPHY = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.77.1.5.1",
        "1.2.840.10008.5.1.4.1.1.77.1.5.2",
        "1.2.840.10008.5.1.4.1.1.77.1.5.5",
        "1.2.840.10008.5.1.4.1.1.77.1.5.6",
    }
)
"""UIDs of the SOP classes whose Pixel Spacing is nominal by definition."""


def describe_uid(uid: str) -> str:
    """Return the name of a UID in the standard, or the UID itself if it is private."""
    name = UID(uid).name
    return name if name == uid else f"{name} ({uid})"
