"""Upload styles and networks to the Hugging Face Hub, with a model card."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from impasto.errors import ArgumentError, HubError
from impasto.hub import LOGIN, SUFFIX, Reference, client, explained, parse_reference
from impasto.images.image import Picture
from impasto.images.reading import read
from impasto.images.resize import STANDARD_SHORT_SIDE
from impasto.images.writing import encode
from impasto.inference.settings import parse_settings
from impasto.models.default_network import choose_network
from impasto.models.gallery import preview
from impasto.models.mix import Mix
from impasto.models.network import Network, load_shipped
from impasto.models.style import PICTURE_QUALITY, Style
from impasto.publishing.files import Files, read_header
from impasto.publishing.model_card import FILE, CardEntry, check_license, write_card
from impasto.stylizer import Stylizer

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PREVIEWS_FOLDER = "previews"  # of a repository, as of a gallery


@dataclass(frozen=True)
class PushResult:
    """What was uploaded.

    Attributes:
        repository: "user/repo".
        commit: of the upload; the newest one if nothing has changed.
        url: page of that commit.
        names: by which others use the files, pinned to the commit: `hf:user/repo/style@commit`.
    """

    repository: str
    commit: str
    url: str
    names: Sequence[str]


def push(
    files: Files,
    repository: str,
    license: str | None,
    *,
    private: bool = False,
    photo: str | Path | None = None,
) -> PushResult:
    """Upload styles and networks to a repository, in one commit, with a model card.

    The repository is made if it does not exist. Files that it has are kept, or replaced by those
    of the same path. The part of its card that impasto did not write is kept.

    Args:
        files: what to upload, see `collect_files`.
        repository: "user/repo".
        license: identifier of a license on the Hub, such as "cc-by-4.0".
        private: make a new repository private.
        photo: paint this picture as the preview of each style. Without it, a preview is that of a
            gallery, or the picture that the style keeps.

    Raises:
        ArgumentError: the license is missing, or `repository` is not of this form.
        HubError: the token is missing, or the Hub refuses or cannot be reached.
        PictureError: the photo cannot be read.
    """
    license = check_license(license)
    target = parse_repository(repository)
    api = client()
    from huggingface_hub import CommitOperationAdd, get_token

    if get_token() is None:
        raise HubError(f"cannot push to {target.repository}: no token of the Hub is set; {LOGIN}")
    uploads: dict[str, bytes | str] = {**_previews(files, photo)}
    action = f"push to {target.repository}"
    with TemporaryDirectory() as folder, explained(action, target):
        for path, file in files.items():
            saved = Path(folder) / f"{path}{SUFFIX}"
            file.save(saved)
            uploads[f"{path}{SUFFIX}"] = str(saved)
        entries = [_entry(path, *read_header(Path(folder) / f"{path}{SUFFIX}")) for path in files]
        api.create_repo(target.repository, private=private, exist_ok=True)
        uploads[FILE] = _new_card(api, target, license, entries, uploads).encode()
        operations = [CommitOperationAdd(path, data) for path, data in uploads.items()]
        title = f"Upload {', '.join(files)} with impasto"
        info = api.create_commit(target.repository, operations, commit_message=f"{title:.72}")
    names = [str(replace(target, path=path, revision=info.oid)) for path in files]
    return PushResult(target.repository, info.oid, info.commit_url, names)


def parse_repository(text: str) -> Reference:
    """Parse "user/repo", of which the prefix hf: may be there.

    Raises:
        ArgumentError: the text is not of this form.
    """
    with contextlib.suppress(HubError):
        target = parse_reference(text, whole=True)
        if target == Reference(target.repository):
            return target
    raise ArgumentError(
        f"cannot push to {text!r:.200}: it is no name of a repository; write user/repo, such as"
        " you/styles"
    )


def _previews(files: Files, photo: str | Path | None) -> dict[str, bytes]:
    """Make a picture, a WebP file, of each style that can be shown, by path in the repository."""
    painter = _Painter(read(Path(photo)), files) if photo is not None else None
    previews = {}
    for path, style in files.items():
        if isinstance(style, Network):
            continue
        # of a gallery, which has folders for styles and previews
        known = preview(style.name, style.file.parent.parent) if style.file else None
        if painter:
            data: bytes | None = painter(style)
        else:
            data = known.read_bytes() if known else style.remembered
        if data is not None:
            previews[f"{PREVIEWS_FOLDER}/{path}.webp"] = data
    return previews


class _Painter:
    """Paints previews of one photo, with each network loaded once."""

    def __init__(self, photo: Picture, files: Files) -> None:
        self._photo = photo
        self._networks = [file for file in files.values() if isinstance(file, Network)]
        self._stylizers: dict[str, Stylizer] = {}

    def __call__(self, style: Style) -> bytes:
        """Paint the photo in a style, by a network that is uploaded, or else by one that ships."""
        suitable = (one for one in self._networks if style.mismatch(one) is None)
        mix = Mix(((style, 1.0),))
        chosen = next(suitable, None) or load_shipped(choose_network([mix]))
        stylizer = self._stylizers.setdefault(chosen.hash, Stylizer(chosen))
        painted = stylizer.paint_picture(self._photo, parse_settings(mix), STANDARD_SHORT_SIDE)
        return encode(painted, ".webp", PICTURE_QUALITY)


def _entry(path: str, facts: Mapping[str, str], tensors: Iterable[str]) -> CardEntry:
    return CardEntry(path, facts, "picture" in tensors)


def _new_card(
    api: "HfApi",
    target: Reference,
    license: str,
    entries: Sequence[CardEntry],
    uploads: Iterable[str],
) -> str:
    """Write the card of all files that the repository will have."""
    from huggingface_hub.errors import SafetensorsParsingError

    info = api.model_info(target.repository)
    present = {file.rfilename for file in info.siblings or ()}
    old = None
    if FILE in present:
        path = api.hf_hub_download(target.repository, FILE, revision=info.sha)
        old = Path(path).read_text(encoding="utf-8")
    all_entries = list(entries)
    for name in present - set(uploads):
        if not name.endswith(SUFFIX):
            continue
        try:  # a few kilobytes of each file
            header = api.parse_safetensors_file_metadata(target.repository, name, revision=info.sha)
        except SafetensorsParsingError:  # it is not of impasto
            continue
        all_entries.append(_entry(name.removesuffix(SUFFIX), header.metadata, header.tensors))
    known_previews = {*present, *uploads}
    shown = []
    for entry in sorted(all_entries, key=lambda entry: entry.path):
        file = f"{PREVIEWS_FOLDER}/{entry.path}.webp"
        shown.append(replace(entry, preview=file if file in known_previews else ""))
    return write_card(target.repository, license, shown, old)
