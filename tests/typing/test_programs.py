"""The program that type checkers accept also runs, and the stub has the names and signatures of the package."""

import ast
import inspect
import runpy
from pathlib import Path

import detloss
from detloss.losses.module import LossModule
from tools.write_stubs import STUB


def test_the_user_program_runs() -> None:
    runpy.run_path(str(Path(__file__).with_name("user_program.py")), run_name="__main__")


def test_the_stub_declares_every_public_name_and_option() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for name in detloss.__all__:
        item = getattr(detloss, name)
        if isinstance(item, type) and issubclass(item, LossModule) and item.__name__ == name:
            methods = {node.name: node.args for node in classes[name].body if isinstance(node, ast.FunctionDef)}
            assert [each.arg for each in methods["__init__"].kwonlyargs] == list(inspect.signature(item).parameters)
            call = methods["__call__"]
            names = [each.arg for each in (*call.args, *call.kwonlyargs)]
            assert names == list(inspect.signature(item.forward).parameters)
