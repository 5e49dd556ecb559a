"""Networks of other libraries that `zoo.py` converts.

The code creates the networks as in a user's program.
"""

from typing import NamedTuple

IMPORTS = {
    "segmentation_models_pytorch": "import segmentation_models_pytorch as smp",
    "monai": "from monai.networks import nets",
    "torchvision": "from torchvision.models import segmentation",
    "transformers": "import transformers",
}


class ZooNetwork(NamedTuple):
    """Network of another library.

    Attributes:
        name: name in the table.
        library: key of `IMPORTS`.
        code: expression that creates the network; `SIZE` is the working size.
        options: options of `edgeseg convert` that the inputs or outputs of the network require.
    """

    name: str
    library: str
    code: str
    options: tuple[str, ...] = ()


def _smp(decoder: str, encoder: str, arguments: str = "") -> ZooNetwork:
    code = f'smp.{decoder}("{encoder}", encoder_weights=None{arguments})'
    return ZooNetwork(f"{decoder}, {encoder}", "segmentation_models_pytorch", code)


def _monai(name: str, arguments: str) -> ZooNetwork:
    code = f"nets.{name}(spatial_dims=2, in_channels=3, out_channels=1{arguments})"
    return ZooNetwork(name, "monai", code)


def _torchvision(name: str) -> ZooNetwork:
    code = f"segmentation.{name}(weights=None, weights_backbone=None, num_classes=1)"
    return ZooNetwork(name, "torchvision", code)


def _transformers(name: str, arguments: str) -> ZooNetwork:
    code = f"transformers.{name}ForSemanticSegmentation(transformers.{name}Config({arguments}))"
    return ZooNetwork(name, "transformers", code)


_CHANNELS = ", channels=(16, 32, 64, 128), strides=(2, 2, 2)"
_VIT = "hidden_size=192, num_hidden_layers=4, num_attention_heads=3, intermediate_size=384"

NETWORKS = (
    _smp("Unet", "resnet34"),
    _smp("Unet", "efficientnet-b0"),
    _smp("Unet", "mobilenet_v2"),
    _smp("Unet", "mit_b0"),
    _smp("Unet", "tu-convnext_atto"),
    _smp("Unet", "tu-regnety_002"),
    _smp("Unet", "resnet18", ', activation="sigmoid"')._replace(
        name="Unet, resnet18, with sigmoid", options=("--output", "probability")
    ),
    _smp("Unet", "resnet18", ", classes=2")._replace(
        name="Unet, resnet18, two classes", options=("--output", "0:softmax:1")
    ),
    _smp("Unet", "resnet18", ", in_channels=1")._replace(
        name="Unet, resnet18, one channel", options=("--input-channels", "green")
    ),
    _smp("UnetPlusPlus", "resnet18"),
    _smp("MAnet", "resnet18"),
    _smp("Linknet", "resnet18"),
    _smp("FPN", "resnet18"),
    _smp("PSPNet", "resnet18"),
    _smp("PAN", "resnet18"),
    _smp("DeepLabV3", "resnet18"),
    _smp("DeepLabV3Plus", "resnet18"),
    _smp("UPerNet", "resnet18"),
    _smp("Segformer", "mit_b0"),
    _smp("DPT", "tu-vit_tiny_patch16_224", ", dynamic_img_size=True"),
    _monai("UNet", _CHANNELS),
    _monai("BasicUNet", ", features=(16, 16, 32, 64, 128, 16)"),
    _monai("BasicUNetPlusPlus", ", features=(16, 16, 32, 64, 128, 16)"),
    _monai("AttentionUnet", _CHANNELS),
    _monai(
        "DynUNet",
        ", kernel_size=[3, 3, 3, 3], strides=[1, 2, 2, 2], upsample_kernel_size=[2, 2, 2]",
    ),
    _monai("FlexibleUNet", ', backbone="efficientnet-b0"'),
    _monai("SegResNet", ", init_filters=16"),
    _monai("SegResNetDS", ", init_filters=16, blocks_down=(1, 2, 2)"),
    _monai("SwinUNETR", ", feature_size=12"),
    _monai(
        "UNETR",
        ", img_size=SIZE, feature_size=16, hidden_size=192, mlp_dim=384, num_heads=6",
    ),
    _monai("HighResNet", ""),
    _torchvision("fcn_resnet50"),
    _torchvision("deeplabv3_mobilenet_v3_large"),
    _torchvision("lraspp_mobilenet_v3_large"),
    _transformers("Segformer", "num_labels=1"),
    _transformers("MobileViTV2", "num_labels=1, image_size=SIZE"),
    _transformers("MobileNetV2", "num_labels=1"),
    _transformers(
        "DPT",
        f"{_VIT}, image_size=SIZE, backbone_out_indices=[0, 1, 2, 3], num_labels=1, "
        "neck_hidden_sizes=[24, 48, 96, 192], fusion_hidden_size=32, use_auxiliary_head=False",
    ),
    _transformers(
        "Beit",
        f"{_VIT}, image_size=SIZE, out_indices=[1, 2, 3, 4], num_labels=1, "
        "use_auxiliary_head=False",
    ),
)
