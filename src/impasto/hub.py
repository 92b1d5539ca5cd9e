"""Files on the Hugging Face Hub, named `hf:user/repo/style@revision`.

Only such names download, and only safetensors files. The files stand in the cache of
huggingface_hub (`HF_HOME`), so that a file that was once fetched can be used offline.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import HubError, one_line
from impasto.tensor_headers import MAX_FILE_BYTES

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PREFIX = "hf:"
SUFFIX = ".safetensors"
NETWORKS_FOLDER = "networks"  # of a repository; its styles are beside this folder
EXAMPLE = "hf:user/repo/style or hf:user/repo/style@revision"
LOGIN = "log in by `hf auth login`, or set HF_TOKEN"

_WORD = r"[A-Za-z0-9][\w.-]*"
_REFERENCE = re.compile(rf"({_WORD}/{_WORD})((?:/{_WORD})*)(?:@([\w.+/-]{{1,250}}))?", re.ASCII)
# names of files in the cache: SHA-1 of a git blob, or SHA-256 of a large file
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# a file in the cache: repository, commit and path
_CACHED = re.compile(r"/models--([^/]+)/snapshots/([0-9a-f]{40})/(.+)")


@dataclass(frozen=True)
class Reference:
    """A file of a repository on the Hub, or the repository.

    Attributes:
        repository: "user/repo".
        path: of a safetensors file in it, without the suffix; empty for the repository.
        revision: a branch, a tag or a commit; None: the newest commit of the main branch.
    """

    repository: str
    path: str = ""
    revision: str | None = None

    def __str__(self) -> str:
        path = f"/{self.path}" if self.path else ""
        revision = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.repository}{path}{revision}"

    @property
    def file(self) -> str:
        """The path of the file in the repository, such as `tulip.safetensors`."""
        return self.path + SUFFIX

    @property
    def in_networks(self) -> bool:
        """Whether the file is in the folder of networks."""
        return self.path.startswith(f"{NETWORKS_FOLDER}/")


def is_reference(spec: object) -> bool:
    """Tell whether a name of a style or network names a file on the Hub."""
    return isinstance(spec, str) and spec.startswith(PREFIX)


def parse_reference(text: str, whole: bool = False) -> Reference:
    """Parse `hf:user/repo/style@revision`; the style may be in a folder, and have its suffix.

    Args:
        text: the name; the prefix `hf:` may be missing.
        whole: allow `hf:user/repo`, which is the whole repository.

    Raises:
        HubError: the text is not of this form.
    """
    match = _REFERENCE.fullmatch(text.removeprefix(PREFIX))
    path = match[2].strip("/").removesuffix(SUFFIX) if match else ""
    if not match or not (path or whole):
        reason = "it names no file" if match else "it is no name of a file on the Hub"
        raise HubError(f"cannot use {text!r:.200}: {reason}; write {EXAMPLE}")
    return Reference(match[1], path, match[3])


def fetch(reference: Reference) -> Path:
    """Return the path of a file on this machine; it is downloaded if it is not there yet.

    A file of a commit is never asked for again. For a branch, the Hub is asked for its newest
    commit; if it cannot be reached, the file that was fetched last is used.

    Raises:
        HubError: there is no such file, it is too large, the Hub cannot be reached or refuses, or
            the file does not have the hash that the Hub states.
    """
    with explained(f"get {reference}", reference):
        try:
            path, digest = _download(reference)
        except Exception as error:
            if not _is_unreachable(error):
                raise
            # LocalEntryNotFoundError where it is not in the cache
            path, digest = Path(_get(reference, local_files_only=True)), None
        blob = path.resolve()
        digest = digest or blob.name
        if _HASH.fullmatch(digest) and digest != _file_hash(path, len(digest)):
            for damaged in {path, blob}:
                damaged.unlink()
            raise HubError(
                f"cannot use {reference}: its bytes do not have the hash that the Hub states, so it"
                " was damaged on the way; it was removed from the cache: try again"
            )
    return path


def find_reference(path: Path) -> Reference | None:
    """Name a file in the cache of the Hub by its commit; None for any other file."""
    match = _CACHED.search(path.as_posix())
    if not match:
        return None
    return Reference(match[1].replace("--", "/"), match[3].removesuffix(SUFFIX), match[2])


def list_files(reference: Reference) -> list[Reference]:
    """List the safetensors files of a repository, in alphabetical order.

    Raises:
        HubError: the Hub cannot be reached or refuses, or there are no such files.
    """
    with explained(f"list {reference}", reference):
        info = client().model_info(reference.repository, revision=reference.revision)
    names = sorted(file.rfilename for file in info.siblings or ())
    paths = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
    if not paths:
        raise HubError(f"cannot list {reference}: it holds no style files ({SUFFIX})")
    return [replace(reference, path=path) for path in paths]


def list_fetched() -> list[Path]:
    """List the safetensors files in the cache of the Hub, of impasto or not; downloads nothing.

    Raises:
        HubError: huggingface_hub is missing.
    """
    client()
    from huggingface_hub.constants import HF_HUB_CACHE

    return sorted(Path(HF_HUB_CACHE).glob(f"models--*/snapshots/*/**/*{SUFFIX}"))


def client() -> "HfApi":
    """Return the client of the Hub.

    Raises:
        HubError: huggingface_hub is missing.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise HubError(
            f"cannot use the Hub: huggingface_hub is not installed ({error});"
            " pip install 'impasto[hub]'"
        ) from error
    return HfApi(library_name="impasto")


@contextlib.contextmanager
def explained(action: str, reference: Reference) -> Iterator[None]:
    """Raise errors of huggingface_hub as a HubError of one line, and show no bars.

    Args:
        action: what is done, as in "cannot get hf:user/repo/style".
        reference: the file or repository.
    """
    client()
    from huggingface_hub import errors
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    hidden = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    # `HTTPError` is of httpx or of httpx2, by the version of huggingface_hub
    except (OSError, ValueError, RuntimeError, errors.EntryNotFoundError, _http_error()) as error:
        raise HubError(f"cannot {action}: {_reason(error, reference)}") from error
    finally:
        if not hidden:
            enable_progress_bars()


def _reason(error: Exception, reference: Reference) -> str:
    """Give the reason of an error of huggingface_hub, and its remedy."""
    from huggingface_hub import errors, get_token

    if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # of an upload in a thread
    repository = f"{PREFIX}{reference.repository}"
    status = _status(error)
    if isinstance(error, errors.GatedRepoError):
        return f"{repository} is gated; ask for access on its page, then {LOGIN}"
    is_unknown = status == 401 and get_token() is None
    if is_unknown or isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no {repository}, or it is private; check the name, or {LOGIN}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no revision {reference.revision}; leave it out, or check it"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return (
            "the Hub cannot be reached, and this revision is not in the cache; connect, or name"
            " what `impasto styles --pulled` lists"
        )
    if isinstance(error, errors.EntryNotFoundError):
        return f"there is no {reference.file}; `impasto styles {repository}` lists all styles"
    if status == 401:
        return f"the Hub does not accept the token (401); {LOGIN}"
    if status == 403:
        return f"the token may not do this (403); {LOGIN} with a token that may write"
    if _is_unreachable(error):
        cause = f"it answers {status}" if status else one_line(error)
        return f"the Hub cannot be reached ({cause}); try again later"
    return one_line(error)


def _http_error() -> type[Exception]:
    """Return the base class of all errors of the HTTP library of huggingface_hub."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__bases__[0]


def _status(error: Exception) -> int | None:
    """Return the HTTP status that the Hub answered, or None where it gave no answer."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _is_unreachable(error: Exception) -> bool:
    """Tell whether the Hub was not reached, or is out of order."""
    status = _status(error)
    if status is not None:
        return status >= 500
    return isinstance(error, (ConnectionError, TimeoutError, _http_error()))


def _download(reference: Reference) -> tuple[Path, str | None]:
    """Fetch a file, and return its path and the hash that the Hub states.

    The size is looked at before, without the retries of a download.
    """
    from huggingface_hub import hf_hub_url, try_to_load_from_cache

    revision = reference.revision
    if revision and _HASH.fullmatch(revision):
        known = try_to_load_from_cache(reference.repository, reference.file, revision=revision)
        if isinstance(known, str):
            return Path(known), None
    api = client()
    url = hf_hub_url(reference.repository, reference.file, revision=revision, endpoint=api.endpoint)
    facts = api.get_hf_file_metadata(url=url)
    if (facts.size or 0) > MAX_FILE_BYTES:
        raise HubError(
            f"cannot get {reference}: it has {facts.size:,} bytes, and {MAX_FILE_BYTES:,} are the"
            " most; choose a style or network of impasto"
        )
    return Path(_get(reference)), facts.etag


def _get(reference: Reference, **options: Any) -> str:
    return client().hf_hub_download(
        reference.repository, reference.file, revision=reference.revision, **options
    )


def _file_hash(path: Path, digits: int) -> str:
    """Return the SHA-256 of a file (64 digits), or the SHA-1 of its git blob (40 digits)."""
    data = path.read_bytes()
    if digits == 64:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
