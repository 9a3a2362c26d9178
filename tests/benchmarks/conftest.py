"""What all benchmarks share: one core, and the device that torch modules work on (ANISODIFF_DEVICE, else the CPU)."""

import pytest
import torch

from anisodiff.methods.device import chosen

WAIT = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}


@pytest.fixture(scope="module", autouse=True)
def one_core():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def device(benchmark):
    """The device, which the record of the benchmark names."""
    benchmark.extra_info["device"] = chosen()
    return chosen()


@pytest.fixture
def place(device):
    """The same in words."""
    return "one core" if device == "cpu" else device


@pytest.fixture
def ended(device):
    """Makes work end before it returns; an accelerator would go on in the background."""

    def of(work):
        def waited(*given):
            work(*given)
            WAIT.get(device, lambda: None)()

        return waited

    return of
