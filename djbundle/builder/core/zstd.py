"""Compress with zstd: by the standard library from Python 3.14 on, before by the package zstandard."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
    from compression.zstd import CompressionParameter, Strategy

    VERSION = f"compression.zstd {zstd.zstd_version}"

    def compress(data: bytes, level: int) -> bytes:
        """Return the data as one frame, which tells its size."""
        return zstd.compress(data, level)

    def compress_with_less_search(data: bytes, level: int, *, search_log: int, target_length: int) -> bytes:
        """Return the data as one frame. The strategy is btopt, and the other parameters are those of `level`."""
        options = {
            CompressionParameter.compression_level: level,
            CompressionParameter.search_log: search_log,
            CompressionParameter.target_length: target_length,
            CompressionParameter.strategy: Strategy.btopt,
        }
        return zstd.compress(data, options=options)

    def decompress(frame: bytes) -> bytes:
        """Return the content of one frame."""
        return zstd.decompress(frame)

else:
    import zstandard

    VERSION = f"zstandard {zstandard.__version__}"

    def compress(data: bytes, level: int) -> bytes:
        """Return the data as one frame, which tells its size."""
        return zstandard.ZstdCompressor(level=level).compress(data)

    def compress_with_less_search(data: bytes, level: int, *, search_log: int, target_length: int) -> bytes:
        """Return the data as one frame. The strategy is btopt, and the other parameters are those of `level`."""
        parameters = zstandard.ZstdCompressionParameters.from_level(
            level,
            source_size=len(data),
            search_log=search_log,
            target_length=target_length,
            strategy=zstandard.STRATEGY_BTOPT,
        )
        return zstandard.ZstdCompressor(compression_params=parameters).compress(data)

    def decompress(frame: bytes) -> bytes:
        """Return the content of one frame."""
        return zstandard.ZstdDecompressor().decompressobj().decompress(frame)
