"""Compiles CUDA sources to PTX with NVRTC; see scripts/ptx.sh."""

import ctypes
import pathlib
import sys

# Virtual architecture: Turing, the oldest that TensorRT 10 and later run on. The driver compiles
# it for its device.
OPTIONS = ["--gpu-architecture=compute_75", "--std=c++17", "--fmad=false"]


def library():
    import nvidia.cuda_nvrtc as package

    (folder,) = package.__path__
    return ctypes.CDLL(str(pathlib.Path(folder, "lib", "libnvrtc.so.12")))


def compile_ptx(nvrtc, source, headers):
    """The PTX of one file, as bytes; ends the program with the compiler's words."""
    program = ctypes.c_void_p()

    def call(name, *arguments):
        code = getattr(nvrtc, name)(*arguments)
        if code != 0 and name != "nvrtcCompileProgram":
            sys.exit(f"error: {name} returns {code} for {source}")
        return code

    names = (ctypes.c_char_p * len(headers))(*[path.name.encode() for path in headers])
    texts = (ctypes.c_char_p * len(headers))(*[path.read_bytes() for path in headers])
    text, name = source.read_bytes(), source.name.encode()
    call("nvrtcCreateProgram", ctypes.byref(program), text, name, len(headers), texts, names)
    options = (ctypes.c_char_p * len(OPTIONS))(*[option.encode() for option in OPTIONS])
    code = call("nvrtcCompileProgram", program, len(OPTIONS), options)
    size = ctypes.c_size_t()
    call("nvrtcGetProgramLogSize", program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    call("nvrtcGetProgramLog", program, log)
    if log.value.strip():
        print(log.value.decode(), file=sys.stderr)
    if code != 0:
        sys.exit(f"error: {source} does not compile")
    call("nvrtcGetPTXSize", program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    call("nvrtcGetPTX", program, ptx)
    return ptx.value


def main():
    folder, check = pathlib.Path(sys.argv[1]), sys.argv[2:] == ["--check"]
    nvrtc, headers = library(), sorted(folder.glob("*.cuh"))
    sources = sorted(folder.glob("*.cu"))
    strays = {path.stem for path in folder.glob("*.ptx")} - {path.stem for path in sources}
    wrong = [f"{name}.ptx has no source" for name in sorted(strays)]
    for source in sources:
        ptx, target = compile_ptx(nvrtc, source, headers), source.with_suffix(".ptx")
        if not check:
            target.write_bytes(ptx)
        elif not target.exists() or target.read_bytes() != ptx:
            wrong.append(f"{target} is not what {source.name} compiles to: run scripts/ptx.sh")
    if wrong:
        sys.exit("error: " + "; ".join(wrong))


main()
