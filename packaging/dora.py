#!/usr/bin/python3 -I
# The dora command, from the files beside it: an extension module and nothing else.
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
from dora_cli import py_main

sys.exit(py_main())
