"""Simulation of other cameras, eyes and file formats.

Whole photographs are changed before CLAHE, which removes or amplifies these changes. The
augmentations of crops are applied after CLAHE. In both modules, photographs are (N, 3, H, W)
float32, RGB, from 0 to 1.
"""

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from edgeseg.imaging.arrays import Photo
from edgeseg_train.data.transforms import ColourTransform, RandomSource

# Quantization table of JPEG luminance at quality 50 (ITU-T T.81, table K.1).
_JPEG_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def vignette(photo: Tensor, random: RandomSource) -> Tensor:
    """Darken the photograph away from a random centre, by up to 80 % at the farthest corner."""
    count, _, height, width = photo.shape
    y = torch.linspace(-1, 1, height, device=photo.device).view(1, 1, -1, 1)
    x = torch.linspace(-1, 1, width, device=photo.device).view(1, 1, 1, -1)
    centre_x, centre_y = random.uniform(-1, 1, 2, count, 1, 1, 1)
    squared_distance = ((x - centre_x) ** 2 + (y - centre_y) ** 2) / 8
    light: Tensor = 1 - random.uniform(0.2, 0.8, count, 1, 1, 1) * squared_distance
    return photo * light


def haze(photo: Tensor, random: RandomSource) -> Tensor:
    """Blend the photograph with an uneven light veil (0 to 50 %), as with a cataract."""
    count, _, height, width = photo.shape
    veil = random.uniform(0.4, 0.9, count, 3, 1, 1)
    coarse = random.uniform(0, 0.5, count, 1, 3, 3)
    share = interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
    return torch.lerp(photo, veil.expand_as(photo), share)


def defocus(photo: Tensor, random: RandomSource) -> Tensor:
    """Blur with a sigma of 1/2000 to 1/300 of the photograph's height."""
    return _blur(photo, photo.shape[2] * random.log_uniform(1 / 2000, 1 / 300, len(photo)))


def exposure(photo: Tensor, random: RandomSource) -> Tensor:
    """Multiply the photograph by 0.12 to 2, add noise of up to 5 grey levels, and clip.

    The noise is blurred with a sigma of 0 to 1.5 pixels, as by demosaicing. For photographs with
    more than 1000 rows, the sigma grows with the height.
    """
    count = len(photo)
    gain = random.log_uniform(0.12, 2, count, 1, 1, 1)
    sigmas = random.uniform(0, 1.5, count) * max(1, photo.shape[2] / 1000)
    noise = _blur(random.normal(1, *photo.shape), sigmas)
    deviation = random.uniform(0, 5 / 255, count, 1, 1, 1)
    noise = noise / noise.std(dim=(1, 2, 3), keepdim=True) * deviation
    return (photo * gain + noise).clamp(0, 1)


def colour_cast(photo: Tensor, random: RandomSource) -> Tensor:
    """Blend each channel with a grey image by up to 100 %, and multiply it by 0.6 to 1.4.

    The grey image is a random mix of the channels' mean and the green channel.
    Laser scanning and monochrome cameras have other channels than a colour camera.
    """
    count = len(photo)
    green = random.uniform(0, 1, count, 1, 1, 1)
    grey = torch.lerp(photo.mean(dim=1, keepdim=True), photo[:, 1:2], green)
    mixed = torch.lerp(photo, grey.expand_as(photo), random.uniform(0, 1, count, 1, 1, 1))
    return (mixed * random.uniform(0.6, 1.4, count, 3, 1, 1)).clamp(0, 1)


def jpeg(photo: Tensor, random: RandomSource) -> Tensor:
    """Quantize the cosine transform of 8x8 blocks as in JPEG, at a quality of 15 to 70.

    Each colour channel is quantized separately.
    """
    count, channels, height, width = photo.shape
    padded = pad(photo, (0, -width % 8, 0, -height % 8), mode="replicate") * 255 - 128
    rows, columns = padded.shape[2] // 8, padded.shape[3] // 8
    blocks = padded.view(count, channels, rows, 8, columns, 8).transpose(3, 4)
    cosine = _cosine_matrix(photo.device)
    quality = random.uniform(15, 70, count, 1, 1, 1, 1, 1)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    step = (torch.tensor(_JPEG_TABLE, device=photo.device) * scale).clamp(min=1)
    quantized = ((cosine @ blocks @ cosine.mT) / step).round() * step
    restored = (cosine.mT @ quantized @ cosine).transpose(3, 4).reshape(padded.shape)
    return ((restored[:, :, :height, :width] + 128) / 255).clamp(0, 1)


# Transforms in the order of application, with their probabilities.
CAMERA: tuple[tuple[ColourTransform, float], ...] = (
    (defocus, 0.3),
    (colour_cast, 0.4),
    (vignette, 0.4),
    (haze, 0.3),
    (exposure, 0.5),
    (jpeg, 0.5),
)


@torch.inference_mode()
def simulate_camera(photo: Photo, rng: np.random.Generator) -> Photo:
    """Simulate another camera. Photograph and result are (H, W, 3) uint8 RGB."""
    random = RandomSource(rng)
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    for transform, probability in CAMERA:
        if rng.random() < probability:
            pixels = transform(pixels, random)
    simulated: Photo = (pixels[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return simulated


def _blur(photo: Tensor, sigmas: Tensor) -> Tensor:
    """Apply a Gaussian filter to each photograph.

    Args:
        photo: photographs.
        sigmas: (N,) in pixels.
    """
    blurred = []
    for pixels, sigma in zip(photo.movedim(1, -1).cpu().numpy(), sigmas.tolist(), strict=True):
        # OpenCV rejects a sigma of 0. A sigma of 0.01 does not change the photograph.
        filtered = cv2.GaussianBlur(pixels, (0, 0), max(sigma, 0.01))
        blurred.append(torch.from_numpy(filtered))
    return torch.stack(blurred).movedim(-1, 1).to(photo.device)


def _cosine_matrix(device: torch.device) -> Tensor:
    """Return the orthonormal matrix of the discrete cosine transform, (8, 8)."""
    index = torch.arange(8, dtype=torch.float32, device=device)
    matrix = (math.pi / 8 * index[:, None] * (index + 0.5)).cos() / 2
    matrix[0] /= math.sqrt(2)
    return matrix
