"""Check that a network's output has the declared kind of values and gives plausible masks."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from torch import Tensor

from edgeseg.console import plural
from edgeseg.errors import ModelError
from edgeseg.imaging.arrays import Probability
from edgeseg_export.network_output import select_channel
from edgeseg_export.output_spec import OutputSpec
from edgeseg_export.verify.prepared_pair import PreparedPair

# Tolerance for probabilities outside 0 to 1 due to rounding.
RANGE_TOLERANCE = 1e-4

# Plausible shares of vessel pixels in the field of view. The usual range is 5 to 20 %.
NEARLY_EMPTY = 0.001
NEARLY_FULL = 0.9

IMPLAUSIBLE_MASK = "implausible_mask"


@dataclass
class OutputRange:
    """Smallest and largest value of a network's vessel map, and the vessel shares of its masks.

    Attributes:
        low: smallest value before the activation, over all photographs.
        high: largest value before the activation, over all photographs.
        vessel_shares: share of vessel pixels in the field of view of each photograph.
    """

    low: float = float("inf")
    high: float = float("-inf")
    vessel_shares: list[float] = field(default_factory=list)

    def add_map(self, channels: Tensor, spec: OutputSpec) -> None:
        """Extend the range by one photograph.

        Args:
            channels: (1, C, size, size) map before its activation.
            spec: declared output.
        """
        if spec.kind != "softmax":
            channels = channels[:, select_channel(int(channels.shape[1]), spec)]
        self.low = min(self.low, float(channels.min()))
        self.high = max(self.high, float(channels.max()))

    def add_mask(self, pair: PreparedPair, probability: Probability, threshold: float) -> None:
        """Add the share of vessel pixels in the mask of one photograph, at the working size."""
        vessels = np.logical_and(probability >= threshold, pair.inside)
        share = np.count_nonzero(vessels) / max(1, cv2.countNonZero(pair.inside))
        self.vessel_shares.append(share)

    def check_kind(self, spec: OutputSpec) -> None:
        """Check that the values are logits or probabilities, as declared.

        Raises:
            ModelError: The values are of another kind. The message contains the required option.
        """
        if self.low > self.high:  # no finite values; reported by the check `finite`
            return
        output = 0 if spec.output is None else spec.output
        channel = "" if spec.channel is None else f":{spec.channel}"
        values = f"the network's output is {self.low:.3g} to {self.high:.3g} on the photographs"
        if spec.kind == "probability":
            if self.low < -RANGE_TOLERANCE or self.high > 1 + RANGE_TOLERANCE:
                advice = f"--output {output}:logit{channel}"
                if channel:
                    advice += f", or --output {output}:softmax{channel} for classes with a softmax"
                raise ModelError(
                    f"--output {spec}: {values}, but a probability is 0 to 1. Give {advice}."
                )
        elif self.low >= 0 and self.high <= 1:
            if spec.kind == "softmax" and not channel:
                channel = ":1"
            raise ModelError(
                f"--output {spec}: {values}, so the network seems to apply its own activation. "
                f"Give --output {output}:probability{channel}."
            )

    def describe_implausible_masks(self) -> str:
        """Return a description if all masks are nearly full or nearly empty; otherwise ""."""
        shares = self.vessel_shares
        extreme = [share for share in shares if share <= NEARLY_EMPTY or share >= NEARLY_FULL]
        if not shares or len(extreme) < len(shares):
            return ""
        photographs = plural(len(shares), "photograph")
        return (
            f"every mask is nearly full or empty ({100 * min(shares):.3g} to "
            f"{100 * max(shares):.3g}% of the field of view, {photographs}). Such "
            "masks cannot be compared. Check the weights, --output and --preprocessing."
        )
