"""A kernel is ready when it has answered and what it publishes is heard."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from jupyter_client.manager import AsyncKernelManager
from traitlets.config import Config

from loopbook.runner.client import Client


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


def test_a_kernel_that_dies_before_it_answers_is_not_waited_for() -> None:
    async def waited() -> None:
        kernel = manager()
        await kernel.start_kernel()
        client = kernel.client()
        client.start_channels()
        try:
            os.kill(kernel.provisioner.pid, signal.SIGKILL)
            with pytest.raises(RuntimeError, match="died before"):
                await client.wait_for_ready(60)
        finally:
            client.stop_channels()
            await kernel.shutdown_kernel(now=True)

    asyncio.run(waited())


def test_a_kernel_that_never_answers_is_given_up_in_time() -> None:
    async def waited() -> None:
        kernel = manager()
        await kernel.start_kernel()
        client = kernel.client()
        client.start_channels()
        try:
            os.kill(kernel.provisioner.pid, signal.SIGSTOP)
            with pytest.raises(RuntimeError, match="didn't respond in 1 seconds"):
                await client.wait_for_ready(1)
        finally:
            client.stop_channels()
            await kernel.shutdown_kernel(now=True)

    asyncio.run(waited())
