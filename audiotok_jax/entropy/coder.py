"""Range coder of tokens with the probabilities of a `Prior`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import constriction
import numpy as np
import threadpoolctl
from numpy.typing import ArrayLike, NDArray

from audiotok_jax.entropy import blocks
from audiotok_jax.entropy.prior import Network, Prior, order
from audiotok_jax.tokens import check_tokens

# `perfect=False`: a probability, a multiple of 2**-16, is converted to a multiple of 2**-24 by a
# product and truncation, which are the same on all machines, instead of by a search.
_BIT = constriction.stream.model.Bernoulli(perfect=False)
_WORD = np.dtype("<u4")

# Blocks are independent: the networks are evaluated at once for as many tokens as fit into the
# caches, which is faster than a call for each block.
_TOGETHER, _COLUMNS = 16, 800
_WORKERS = 4

# The matrices are small: on a busy machine, synchronization of BLAS threads makes their products
# many times slower.
_THREADS = threadpoolctl.ThreadpoolController()


Result = TypeVar("Result")


class DamagedError(ValueError):
    """Compact tokens are damaged; `Coder.recover` decodes the undamaged ones."""


class Coder:
    """Entropy coder of the tokens of one model.

    Attributes:
        prior: of the tokens.
    """

    def __init__(self, prior: Prior) -> None:
        self.prior = prior

    def encode(self, tokens: ArrayLike) -> bytes:
        """Compact bytes of tokens.

        Args:
            tokens: integers (T,), each in 0..2**bits - 1.

        Returns:
            `blocks.join` of one payload per `prior.block` tokens, the last with fewer. A payload
            does not depend on other blocks; it consists of the words of constriction's
            `RangeEncoder`, u32, little-endian, without trailing zero bytes.

        Raises:
            ValueError: the tokens are invalid.
        """
        array = check_tokens(tokens, self.prior.bits)
        spans = self._spans(len(array))
        groups = _groups(spans, range(len(spans)))
        made = _map(lambda group: self._encode(np.stack([array[spans[n]] for n in group])), groups)
        return blocks.join([payload for payloads in made for payload in payloads])

    def decode(self, data: bytes, num_tokens: int) -> NDArray[np.uint16]:
        """The inverse of `encode`.

        Args:
            data: the result of `encode`.
            num_tokens: number of tokens.

        Returns:
            uint16 (num_tokens,).

        Raises:
            DamagedError: `data` is damaged or incomplete.
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
        """Decodes the undamaged blocks.

        Args:
            data: the result of `encode`, possibly damaged.
            num_tokens: number of tokens.

        Returns:
            uint16 (num_tokens,), zero where lost, and the ranges of lost tokens, one for each
            damaged block, in order.

        Raises:
            DamagedError: almost nothing is left.
        """
        tokens, lost, _ = self._recover(data, num_tokens)
        return tokens, lost

    def _recover(
        self, data: bytes, num_tokens: int
    ) -> tuple[NDArray[np.uint16], list[range], bool]:
        size = self.prior.block
        count = -(-num_tokens // size)
        # Before spending time and memory on the claims of a forged header.
        payloads: dict[int, bytes] = {}
        if len(data) // blocks.OVERHEAD >= count / 1000:
            payloads, whole = blocks.split(data, count)
        if len(payloads) < count / 1000:
            raise DamagedError(f"damaged: {count - len(payloads)} of {count} blocks are lost")
        tokens = np.zeros(num_tokens, np.uint16)
        spans = self._spans(num_tokens)
        broken: set[int] = set()

        def decode(group: Sequence[int]) -> tuple[NDArray[np.uint16], set[int]]:
            span = spans[group[0]]
            return self._decode([payloads[n] for n in group], span.stop - span.start)

        groups = _groups(spans, sorted(payloads))
        for group, (found, bad) in zip(groups, _map(decode, groups), strict=True):
            for number, told in zip(group, found, strict=True):
                tokens[spans[number]] = told
            broken.update(group[n] for n in bad)
        lost = [n for n in range(count) if n not in payloads or n in broken]
        return tokens, [range(spans[n].start, spans[n].stop) for n in lost], whole

    def _spans(self, count: int) -> list[slice]:
        """The ranges of tokens of the blocks."""
        size = self.prior.block
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]

    def _encode(self, tokens: NDArray[np.integer]) -> list[bytes]:
        """The payloads of blocks; (B, T) tokens."""
        bits = self.prior.bits
        ones = (tokens >> np.arange(bits).reshape(-1, 1, 1)).astype(np.int32) & 1
        signs = (2 * ones - 1).astype(np.float32)
        encoders = [constriction.stream.queue.RangeEncoder() for _ in tokens]
        for network, places, part in self._steps(*tokens.shape):
            units = network.begin(signs[:, part])
            own = _own(signs[:, part], places)
            told = ones[:, part][:, :, places]
            for bit in range(bits):
                likely = network.probabilities(units, own, bit).reshape(told.shape[1:])
                for encoder, bits_, chances in zip(encoders[part], told[bit], likely, strict=True):
                    encoder.encode(bits_, _BIT, chances)
        return [
            encoder.get_compressed().astype(_WORD).tobytes().rstrip(b"\0") for encoder in encoders
        ]

    def _decode(self, payloads: Sequence[bytes], count: int) -> tuple[NDArray[np.uint16], set[int]]:
        """The tokens of blocks, (B, T), and the invalid blocks, whose tokens are 0."""
        bits = self.prior.bits
        decoders = [_decoder(payload) for payload in payloads]
        signs = np.zeros((bits, len(payloads), count), np.float32)
        broken: set[int] = set()
        for network, places, part in self._steps(len(payloads), count):
            units = network.begin(signs[:, part])
            own = _own(signs[:, part], places)
            told = own[1:].reshape(bits, -1, len(places))
            for bit in range(bits):
                likely = network.probabilities(units, own, bit).reshape(told.shape[1:])
                for n, chances in enumerate(likely):
                    try:
                        told[bit, n] = decoders[part][n].decode(_BIT, chances)
                    except AssertionError:  # raised by constriction for invalid data
                        broken.add(part.start + n)
                told[bit] = 2 * told[bit] - 1
            signs[:, part, places] = told
        weights = 1 << np.arange(bits)
        tokens = np.tensordot(weights, signs > 0, 1).astype(np.uint16)
        tokens[sorted(broken)] = 0
        return tokens, broken

    def _steps(self, blocks: int, count: int) -> Iterator[tuple[Network, NDArray[np.intp], slice]]:
        """Networks, the positions of the tokens that each predicts, and groups of blocks."""
        for network, places in zip(self.prior.networks, order(count), strict=True):
            if len(places):
                together = max(1, _COLUMNS // len(places))
                for first in range(0, blocks, together):
                    yield network, places, slice(first, min(first + together, blocks))


def _groups(spans: Sequence[slice], numbers: Sequence[int]) -> list[Sequence[int]]:
    """Groups of blocks of equal length; the last block of all may be shorter."""
    short = [n for n in numbers[-1:] if spans[n].stop - spans[n].start < spans[0].stop]
    long = numbers[: len(numbers) - len(short)]
    found = [long[first : first + _TOGETHER] for first in range(0, len(long), _TOGETHER)]
    return [*found, short] if short else found


def _map(work: Callable[[Sequence[int]], Result], groups: list[Sequence[int]]) -> list[Result]:
    """Results for each group, computed by only a few threads, as constriction holds the GIL."""
    workers = max(1, min(len(groups), os.cpu_count() or 1, _WORKERS))
    with _THREADS.limit(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, groups))


def _decoder(payload: bytes) -> constriction.stream.queue.RangeDecoder:
    padded = payload + bytes(-len(payload) % _WORD.itemsize)
    return constriction.stream.queue.RangeDecoder(np.frombuffer(padded, _WORD).astype(np.uint32))


def _own(signs: NDArray[np.float32], places: NDArray[np.intp]) -> NDArray[np.float32]:
    """The argument `own` of `Network.probabilities` for tokens at some positions."""
    own = signs[:, :, places].reshape(len(signs), -1)
    return np.concatenate([np.ones_like(own[:1]), own])


def _describe(lost: list[range]) -> str:
    first = ", ".join(f"{span.start} to {span.stop - 1}" for span in lost[:3])
    return f"tokens {first}{', ...' if len(lost) > 3 else ''}"
