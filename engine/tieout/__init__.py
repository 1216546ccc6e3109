"""tieout: ERP, e-invoice platform and bank tied out to the cent, with proof.

``tieout.open(workspace)`` gives a workspace to run, ``tieout.validate(paths)`` the findings of invoice documents.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tieout.faces.notebook import Book, Run, open, validate
    from tieout.model.errors import DefinitionError, TieoutError

__version__ = version("tieout")
__all__ = ["Book", "DefinitionError", "Run", "TieoutError", "__version__", "open", "validate"]

_HOME = {
    **dict.fromkeys(("Book", "Run", "open", "validate"), "tieout.faces.notebook"),
    **dict.fromkeys(("DefinitionError", "TieoutError"), "tieout.model.errors"),
}


def __getattr__(name: str) -> Any:
    # Looked up on first use, so that importing one room of the house does not open all of them.
    if name not in _HOME:
        raise AttributeError(f"module 'tieout' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
