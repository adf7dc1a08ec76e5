"""Compress with zstd: by the standard library from Python 3.14 on, before by the package zstandard."""

import os
import sys
from typing import BinaryIO

if sys.version_info >= (3, 14):
    from compression import zstd
    from compression.zstd import CompressionParameter, Strategy

    VERSION = f"compression.zstd {zstd.zstd_version}"
    ZstdError = zstd.ZstdError

    def compress(data: bytes, level: int) -> bytes:
        """Return the data as one frame, which tells its size."""
        return zstd.compress(data, level)

    def compress_with(data: bytes, level: int, strategy: str, **parameters: int) -> bytes:
        """Return the data as one frame. Strategy and parameters take the place of those of `level`."""
        options: dict[int, int] = {CompressionParameter[name]: value for name, value in parameters.items()}
        options |= {CompressionParameter.compression_level: level, CompressionParameter.strategy: Strategy[strategy]}
        return zstd.compress(data, options=options)

    def decompress(frame: bytes) -> bytes:
        """Return the content of one frame."""
        return zstd.decompress(frame)

    def open_writer(file: BinaryIO, level: int) -> BinaryIO:
        """Return a file whose content goes to `file` as one frame, by as many threads as there are processors."""
        _, most = CompressionParameter.nb_workers.bounds()
        options = {
            CompressionParameter.compression_level: level,
            CompressionParameter.checksum_flag: 1,
            CompressionParameter.nb_workers: min(most, os.cpu_count() or 1),
        }
        return zstd.ZstdFile(file, "w", options=options)

    def open_reader(file: BinaryIO) -> BinaryIO:
        """Return a file with the content of the frames in `file`. It raises ZstdError or EOFError if it is damaged."""
        return zstd.ZstdFile(file)

else:
    import zstandard

    VERSION = f"zstandard {zstandard.__version__}"
    ZstdError = zstandard.ZstdError

    def compress(data: bytes, level: int) -> bytes:
        """Return the data as one frame, which tells its size."""
        return zstandard.ZstdCompressor(level=level).compress(data)

    def compress_with(data: bytes, level: int, strategy: str, **parameters: int) -> bytes:
        """Return the data as one frame. Strategy and parameters take the place of those of `level`."""
        parameters |= {"strategy": getattr(zstandard, f"STRATEGY_{strategy.upper()}"), "source_size": len(data)}
        chosen = zstandard.ZstdCompressionParameters.from_level(level, **parameters)
        return zstandard.ZstdCompressor(compression_params=chosen).compress(data)

    def decompress(frame: bytes) -> bytes:
        """Return the content of one frame."""
        return zstandard.ZstdDecompressor().decompressobj().decompress(frame)

    def open_writer(file: BinaryIO, level: int) -> BinaryIO:
        """Return a file whose content goes to `file` as one frame, by as many threads as there are processors."""
        compressor = zstandard.ZstdCompressor(level=level, threads=-1, write_checksum=True)
        return compressor.stream_writer(file, closefd=False)

    def open_reader(file: BinaryIO) -> BinaryIO:
        """Return a file with the content of the frames in `file`. It raises ZstdError or EOFError if it is damaged."""
        return zstandard.ZstdDecompressor().stream_reader(file, closefd=False)
