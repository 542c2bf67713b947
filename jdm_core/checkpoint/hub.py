"""Files of the Hugging Face hub, fetched into its cache; huggingface_hub is imported when one is wanted, not before."""

import re
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortened

from jdm_core.bounds import check_relative


class HubError(ValueError):
    """A file that cannot be had from the hub; the message names repository, file and reason on one line."""


@dataclass(frozen=True)
class HubFile:
    """A file of a model repository at one commit, so that it is always the same file."""

    repo: str
    revision: str
    file: str

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{40}", self.revision):
            raise ValueError(
                f"revision {shortened(self.revision)} is not a commit of 40 hexadecimal digits, so it may move"
            )
        if not re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", self.repo, re.ASCII):
            raise ValueError(f"repo: {shortened(self.repo)} is not OWNER/NAME")
        check_relative("file", self.file)


def fetch(repo: str, file: str, most: int, revision: str | None = None) -> Path:
    """The local path of a repository's file, downloaded unless the cache has it; no revision means its main branch.

    A commit's file that the cache has is not asked for again, and one of more than `most` bytes not downloaded. Raises
    HubError.
    """
    where = f"{shortened(repo)[1:-1]}: {file} at revision {revision or 'main'} cannot be fetched from the hub"
    try:
        from huggingface_hub import errors, hf_hub_download
    except ImportError as error:
        raise HubError(f"{where}: huggingface_hub is not installed") from error
    try:
        size = hf_hub_download(repo, file, revision=revision, dry_run=True)
        if size.will_download and (size.file_size is None or size.file_size > most):
            raise HubError(f"{where}: it has {size.file_size} bytes, where at most {most} are expected")
        return Path(hf_hub_download(repo, file, revision=revision))
    except HubError:
        raise
    except errors.LocalEntryNotFoundError as error:
        raise HubError(f"{where}: it does not answer, or this machine is offline, and no copy is cached") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(f"{where}: no such repository, or one that is not open to this account") from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{where}: no such revision") from error
    except errors.EntryNotFoundError as error:
        raise HubError(f"{where}: no such file") from error
    except Exception as error:  # a line that breaks off, a full disk, a proxy: the HTTP client has errors of its own
        raise HubError(f"{where}: {(str(error) or type(error).__name__).splitlines()[0]}") from error
