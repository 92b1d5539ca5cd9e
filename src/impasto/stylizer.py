"""The stylizer: a network loaded once, then any photo in any style, from any number of threads."""

from collections.abc import Sequence

import numpy as np

from impasto.images.image import Picture, UInt8
from impasto.images.reading import PictureSource, to_picture
from impasto.images.resize import check_size, resize_picture
from impasto.images.rows import ArrayRows
from impasto.inference.color import Color
from impasto.inference.masks import MaskSource
from impasto.inference.model import LoadedNetwork
from impasto.inference.pipeline import build_pipeline
from impasto.inference.regions import RegionSource
from impasto.inference.settings import StylizeSettings, parse_settings
from impasto.models.mix import StyleSource
from impasto.progress import Advance


class Stylizer(LoadedNetwork):
    """Paints photos with one network, which is loaded once.

    A stylizer may be used by any number of threads at once; each call gives the same pixels as it
    would alone. It can be pickled: the copy loads its engines anew.

    Args:
        network: "base", "large" (slower, and nearer to the manner of a style) or "small" (the
            fastest, for video), the path of a network file, or a `Network`.
        engine: "auto", "openvino", "onnxruntime" or "torch".
        threads: number of threads to compute with on the CPU; by default all usable cores.
        precision: "auto" (bfloat16 where the CPU has it, float16 on a GPU, and see `for_many`),
            "bf16", "f16", "f32" or "int8" (faster, a little coarser).
        device: "auto" (a graphics card that paints as the CPU does, else the CPU), "cpu", "gpu"
            (any), "npu", or by its driver: "cuda", "tensorrt", "rocm", "directml", "coreml",
            "webgpu", "mps" or "xpu".

    Raises:
        NetworkError: the network or the engine does not exist, or cannot be loaded.

    Examples:
        >>> stylizer = Stylizer("small")
        >>> painting = stylizer.stylize("photo.jpg", "great-wave", strength=0.7)
        >>> painting.shape, painting.dtype
        ((48, 64, 3), dtype('uint8'))
    """

    def stylize(
        self,
        photo: PictureSource,
        style: StyleSource,
        strength: float = 1.0,
        stroke: float = 1.0,
        *,
        color: str | Color | None = None,
        mask: MaskSource | None = None,
        regions: Sequence[RegionSource] = (),
        size: int | None = None,
        wrap: str = "none",
    ) -> UInt8:
        """Paint a photo; a large one tile by tile, in little memory beyond photo and painting.

        Args:
            photo: a path, the bytes of an image file, a binary file object, a PIL image, or a
                uint8 array: gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).
            style: a gallery name, a mix "starry-night:0.7,great-wave:0.3", a style file, any
                picture (as `photo`), a `Style` or a `Mix`.
            strength: 0 (the photo) to 1 (the full style).
            stroke: size of the strokes, 0.25 to 16; 1 is the network's own size.
            color: whose colors the painting has: "style", "luminance", "histogram",
                "linear-cholesky", "linear-pca" or "linear-mkl", with an amount such as
                "luminance:0.5", or a `Color`. By default as the style was learned, mostly "style".
            mask: where to paint: a gray picture (as `photo`; white is painted, black is kept),
                "alpha" (the photo's transparency), or a gradient: "left-right", "right-left",
                "top-bottom", "bottom-top" or "radial".
            regions: other styles in places: "sky.png=great-wave", a pair (mask, style), or a
                `Region`. A later one lies over an earlier one.
            size: pixels of the painting's shorter side; smaller photos keep their size.
            wrap: sides that meet: "horizontal" for 360-degree panoramas, "both" for textures.

        Returns:
            uint8 RGB (H, W, 3), exactly as large as the photo or as `size` says; RGBA (H, W, 4)
            where the photo is transparent.

        Raises:
            PictureError: the photo cannot be read, or the array is not an image.
            StyleError: the style is unknown, broken, or made for another network.
            ColorError, MaskError: the color mode or the mask does not exist or cannot be read.
            ArgumentError: `strength`, `stroke`, `size` or `wrap` is out of range.
        """
        settings = parse_settings(style, strength, stroke, color, mask, regions, wrap)
        painting = self.paint_picture(to_picture(photo), settings, size)
        if painting.alpha is None:
            return painting.rgb
        return np.dstack([painting.rgb, painting.alpha])

    def paint_picture(
        self,
        picture: Picture,
        settings: StylizeSettings,
        size: int | None = None,
        advance: Advance = lambda _: None,
    ) -> Picture:
        """Paint a picture that was read, by settings that were parsed; see `stylize`.

        Args:
            picture: the photo.
            settings: style, strength, strokes, colors and places.
            size: pixels of the painting's shorter side; smaller photos keep their size.
            advance: called with the fraction of work done since the last call.
        """
        if size is not None:
            check_size(size)
        photo = picture
        if size is not None and size < min(picture.height, picture.width):
            photo = resize_picture(picture, size)
        styled = build_pipeline(self, ArrayRows(photo.rgb), settings, photo.alpha, advance)
        painted = styled.rows.to_array()
        return Picture(painted.copy() if painted is picture.rgb else painted, photo.alpha)
