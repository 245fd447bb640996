"""Zip archives opened with suspicion: their declared size is checked before anything is expanded."""

import io
import zipfile

from ragstone_plugins.documents.outcome import Failure, Refused, broken

_MAX_MEMBERS = 20_000
_ENCRYPTED_BIT = 0x1


class Archive:
    """The members of a zip archive.

    Archives within it are never opened. Python expands a member to its declared size and no further, so a header that lies
    about a member gives a broken file, not a bomb; libraries that expand by themselves are fenced by the worker's memory.
    """

    def __init__(self, content: bytes, max_expanded_bytes: int) -> None:
        """Read the directory.

        Raises:
            Refused: BROKEN; TOO_LARGE where the members are too many or too large; ENCRYPTED.
        """
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise broken(error) from error
        members = self._zip.infolist()
        self.names = frozenset(member.filename for member in members)
        expanded = sum(member.file_size for member in members)
        if expanded > max_expanded_bytes or len(members) > _MAX_MEMBERS:
            raise Refused(Failure.TOO_LARGE, f"{len(members)} members, {expanded} bytes expanded")
        if any(member.flag_bits & _ENCRYPTED_BIT for member in members):
            raise Refused(Failure.ENCRYPTED, "encrypted zip members")

    def read(self, name: str) -> bytes:
        """One member, expanded.

        Raises:
            Refused: BROKEN where it is missing or damaged.
        """
        try:
            return self._zip.read(name)
        except Exception as error:
            # zlib.error and its like have no common root.
            raise broken(error) from error

    def read_if_there(self, name: str) -> bytes | None:
        """One member, or None where the archive has none of this name."""
        return self.read(name) if name in self.names else None
