#!/usr/bin/env python3
"""A lossless clip of frames, and the same frames as PNG files, whose RGB values are camweave's to 0.02 of 255.

    python3 film.py CLIP.mp4 FOLDER [--luma LEAST MOST] [--grey] [--size WIDTHxHEIGHT] PNG...

Beside each PNG file is a .npy with the same values as float32, not rounded: planes of red, green and blue, 0 to 1.

Networks of random weights make much of little, so both sides have to see the same values. What camweave converts from
YUV is whole numbers only for some colours. So the frames have the luma of the files, in full range, and each has one
colour, in turn none, orange and blue. Where luma is near black or white, a colour is cut off: before a frame is scaled
on one side, after it on the other. With --luma 40 215 none is, and scaled frames are equal too. What takes bytes and
scales them rounds twice: with --grey and --size, nothing is left to round.
"""

import argparse
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

FPS = 10
# ITU-R BT.601.
KR, KB = 0.299, 0.114
# U and V, less 128, for which red, green and blue are luma plus whole numbers, to 0.02.
COLOURS = [(0, 0), (-22, 5), (22, -5)]


def film(frames, clip):
    """Encodes planes of Y, U and V without loss."""
    height, width = frames[0][0].shape
    pixels = b"".join(plane.tobytes() for frame in frames for plane in frame)
    subprocess.run(["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "yuvj420p", "-s",
                    f"{width}x{height}", "-framerate", str(FPS), "-i", "-", "-pix_fmt", "yuvj420p", "-colorspace",
                    "smpte170m", "-color_range", "pc", "-c:v", "libx264", "-qp", "0", "-x264-params",
                    "bframes=0:keyint=1", clip], check=True, input=pixels)


def planes(image, colour, least, most):
    """An image's luma, from `least` to `most`, with one colour."""
    luma = np.rint(least + np.asarray(image.convert("L"), np.float64) * (most - least) / 255).astype(np.uint8)
    height, width = luma.shape
    return luma, *(np.full((height // 2, width // 2), 128 + value, np.uint8) for value in colour)


def rgb(luma, u, v):
    """ITU-T H.273, for chroma that is everywhere the same."""
    red, blue = 2 * (1 - KR) * (int(v[0, 0]) - 128), 2 * (1 - KB) * (int(u[0, 0]) - 128)
    green = -(red * KR + blue * KB) / (1 - KR - KB)
    return np.clip(np.stack([luma + red, luma + green, luma + blue], -1), 0, 255)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--luma", type=int, nargs=2, default=[0, 255], metavar=("LEAST", "MOST"), help="[0 255]")
    parser.add_argument("--grey", action="store_true", help="no colour")
    parser.add_argument("--size", metavar="WIDTHxHEIGHT", help="of the frames [the files']")
    parser.add_argument("images", type=Path, nargs="+", help="of one size, with even sides")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    images = [Image.open(path) for path in arguments.images]
    if arguments.size:
        size = tuple(int(side) for side in arguments.size.split("x"))
        images = [image.resize(size, Image.Resampling.BILINEAR) for image in images]
    colours = COLOURS[:1] if arguments.grey else COLOURS
    frames = [planes(image, colours[number % len(colours)], *arguments.luma) for number, image in enumerate(images)]
    film(frames, arguments.clip)
    for number, frame in enumerate(frames):
        pixels = rgb(*frame)
        Image.fromarray(np.rint(pixels).astype(np.uint8)).save(arguments.folder / f"{number:03}.png")
        np.save(arguments.folder / f"{number:03}.npy", (pixels.transpose(2, 0, 1) / 255).astype(np.float32))


if __name__ == "__main__":
    main()
