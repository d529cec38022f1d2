"""Tokens to compact bytes and back, by a range coder under a `Prior`."""

from __future__ import annotations

import constriction
import numpy as np
import threadpoolctl
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.entropy import blocks
from audiotok_jax.entropy.prior import Prior, order

# `perfect=False`: a probability p, a multiple of 2**-16, becomes one of 2**-24 by a product and a
# cut, which are the same on all machines, instead of by a search.
_BIT = constriction.stream.model.Bernoulli(perfect=False)
_WORD = np.dtype("<u4")

# The matrices are small: beside other busy processes, threads that wait for each other make their
# products many times slower.
_THREADS = threadpoolctl.ThreadpoolController()


class DamagedError(ValueError):
    """Compact tokens are damaged; `Coder.recover` gives those that are not."""


class Coder:
    """Codes tokens of one model.

    Attributes:
        prior: how likely their bits are.
    """

    def __init__(self, prior: Prior) -> None:
        self.prior = prior

    def encode(self, tokens: ArrayLike) -> bytes:
        """Compact bytes of tokens.

        Args:
            tokens: integers (T,), each in 0..2**bits - 1.

        Returns:
            `blocks.join` of a payload for each `prior.block` tokens, the last of fewer. It depends
            on no other block, and holds the words of constriction's `RangeEncoder`, u32,
            little-endian, without the zero bytes at its end.

        Raises:
            ValueError: not such tokens.
        """
        array = np.asarray(tokens)
        bits = self.prior.bits
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"tokens must be integers (T,), not {array.dtype} {array.shape}")
        if array.size and (array.min() < 0 or array.max() >= 2**bits):
            raise ValueError(f"tokens must lie in 0..{2**bits - 1}")
        starts = range(0, len(array), self.prior.block)
        with _THREADS.limit(limits=1, user_api="blas"):
            return blocks.join([self._encode(array[i : i + self.prior.block]) for i in starts])

    def decode(self, data: bytes, num_tokens: int) -> NDArray[np.uint16]:
        """Undoes `encode`.

        Args:
            data: what `encode` returned.
            num_tokens: how many tokens there are.

        Returns:
            uint16 (num_tokens,).

        Raises:
            DamagedError: `data` is not whole.
        """
        tokens, lost, whole = self._recover(data, num_tokens)
        if lost:
            raise DamagedError(
                f"damaged: {_describe(lost)} of {num_tokens} are lost; --recover gives the others"
            )
        if not whole:
            raise DamagedError("damaged: bytes that belong to no token")
        return tokens

    def recover(self, data: bytes, num_tokens: int) -> tuple[NDArray[np.uint16], list[range]]:
        """Decodes what is not damaged.

        Args:
            data: what `encode` returned, or what became of it.
            num_tokens: how many tokens there were.

        Returns:
            uint16 (num_tokens,), zero where lost, and the places of the tokens that are lost, a
            range for each damaged block, in order.

        Raises:
            DamagedError: next to nothing is left.
        """
        tokens, lost, _ = self._recover(data, num_tokens)
        return tokens, lost

    def _recover(
        self, data: bytes, num_tokens: int
    ) -> tuple[NDArray[np.uint16], list[range], bool]:
        size = self.prior.block
        count = -(-num_tokens // size)
        payloads, whole = blocks.split(data, count)
        # Before memory is taken for what a forged header announces.
        if len(payloads) < count / 1000:
            raise DamagedError(f"damaged: {count - len(payloads)} of {count} blocks are lost")
        tokens = np.zeros(num_tokens, np.uint16)
        lost = []
        with _THREADS.limit(limits=1, user_api="blas"):
            for number in range(count):
                span = range(number * size, min(num_tokens, (number + 1) * size))
                try:
                    tokens[span.start : span.stop] = self._decode(payloads[number], len(span))
                except (KeyError, AssertionError):  # no such block; constriction cannot decode it
                    lost.append(span)
        return tokens, lost, whole

    def _encode(self, tokens: NDArray[np.integer]) -> bytes:
        bits = self.prior.bits
        ones = (tokens[:, None].astype(np.int32) >> np.arange(bits, dtype=np.int32)) & 1
        signs = (2 * ones - 1).astype(np.float32)
        told, likely = [], []
        for network, places in zip(self.prior.networks, order(len(tokens)), strict=True):
            units = network.begin(signs, places)
            for bit in range(bits):
                told.append(ones[places, bit])
                likely.append(network.probabilities(units, signs[places], bit))
        encoder = constriction.stream.queue.RangeEncoder()
        encoder.encode(np.concatenate(told), _BIT, np.concatenate(likely))
        return encoder.get_compressed().astype(_WORD).tobytes().rstrip(b"\0")

    def _decode(self, payload: bytes, count: int) -> NDArray[np.uint16]:
        bits = self.prior.bits
        padded = payload + bytes(-len(payload) % _WORD.itemsize)
        words = np.frombuffer(padded, _WORD).astype(np.uint32)
        decoder = constriction.stream.queue.RangeDecoder(words)
        signs = np.zeros((count, bits), np.float32)
        for network, places in zip(self.prior.networks, order(count), strict=True):
            units = network.begin(signs, places)
            own = np.zeros((len(places), bits), np.float32)
            for bit in range(bits):
                likely = network.probabilities(units, own, bit)
                own[:, bit] = 2 * decoder.decode(_BIT, likely) - 1
            signs[places] = own
        weights = 1 << np.arange(bits, dtype=np.uint16)
        return ((signs > 0) * weights).sum(axis=1, dtype=np.uint16)


def _describe(lost: list[range]) -> str:
    first = ", ".join(f"{span.start} to {span.stop - 1}" for span in lost[:3])
    return f"tokens {first}{', ...' if len(lost) > 3 else ''}"
