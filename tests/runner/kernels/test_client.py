"""A kernel is ready when it has answered and what it publishes is heard."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from jupyter_client.manager import AsyncKernelManager
from traitlets.config import Config

from loopbook.runner.kernels.client import Client


def manager() -> AsyncKernelManager:
    return AsyncKernelManager(config=Config(KernelManager={"client_factory": Client}))


def test_a_ready_kernel_has_said_all_about_being_asked_and_is_heard() -> None:
    async def published() -> list[str]:
        kernel = manager()
        await kernel.start_kernel()
        client = kernel.client()
        client.start_channels()
        try:
            await client.wait_for_ready(60)
            asked, heard = client.execute("print(1)"), []
            while "idle" not in heard:
                message = await client.get_iopub_msg(timeout=30)
                assert message["parent_header"]["msg_id"] == asked
                heard.append(message["content"].get("execution_state", message["msg_type"]))
            return heard
        finally:
            client.stop_channels()
            await kernel.shutdown_kernel(now=True)

    assert asyncio.run(published()) == ["busy", "execute_input", "stream", "idle"]


@pytest.mark.parametrize(
    ("sent", "limit", "told"),
    [
        pytest.param(signal.SIGKILL, 60, "died before", id="it dies"),
        pytest.param(signal.SIGSTOP, 1, "didn't respond in 1 seconds", id="it is silent"),
    ],
)
def test_a_kernel_that_cannot_answer_is_given_up(sent: signal.Signals, limit: float, told: str) -> None:
    async def waited() -> None:
        kernel = manager()
        await kernel.start_kernel()
        client = kernel.client()
        client.start_channels()
        try:
            os.kill(kernel.provisioner.pid, sent)
            with pytest.raises(RuntimeError, match=told):
                await client.wait_for_ready(limit)
        finally:
            client.stop_channels()
            await kernel.shutdown_kernel(now=True)

    asyncio.run(waited())
