"""What a command says of itself, read and not imported: some need what only their extra installs."""

import ast
from importlib import resources


def docstring(package: str, module: str, function: str) -> str:
    """The docstring of a function in a module of a package."""
    source = resources.files(package).joinpath(f"{module}.py").read_text(encoding="utf-8")
    functions = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return next(ast.get_docstring(each) or "" for each in functions if each.name == function)
