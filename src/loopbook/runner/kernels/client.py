"""The notebook's side of a kernel's channels; it goes on as soon as the kernel is ready."""

import time
from queue import Empty
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from nbclient.exceptions import DeadKernelError

ANSWER = 1.0
"""Seconds after which a question is asked again; jupyter_client's own number."""
SUBSCRIPTION = 0.03
"""Seconds after which a status that was published before we were heard as listeners is given up; twice as long the next
time, since on a busy machine it may only be late."""


class Client(AsyncKernelClient):  # type: ignore[misc]
    """An ordinary client whose readiness is seen, not waited for.

    jupyter_client takes a kernel for ready when it has answered and nothing was published for 0.2 s. The last thing
    that is published about an answer is that the kernel is idle again, so that is what is looked for.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered, and what it publishes is heard.

        Raises
        ------
        DeadKernelError
            If it dies before.
        RuntimeError
            If it does not answer within `timeout` seconds.
        """
        until, patience = time.monotonic() + (float("inf") if timeout is None else timeout), SUBSCRIPTION
        while not await self._answers(self.kernel_info(), patience):
            patience *= 2
            if not await self.is_alive():
                raise DeadKernelError("Kernel died before replying to kernel_info")
            if time.monotonic() > until:
                raise RuntimeError(f"Kernel didn't respond in {timeout:.0f} seconds")

    async def _answers(self, asked: str, patience: float) -> bool:
        try:
            while not _about(reply := await self.get_shell_msg(timeout=ANSWER), asked, "kernel_info_reply"):
                pass
            state = ""
            while state != "idle":
                message = await self.get_iopub_msg(timeout=patience)
                state = message["content"]["execution_state"] if _about(message, asked, "status") else state
        except Empty:
            return False
        self._handle_kernel_info_reply(reply)
        return True


def _about(message: dict[str, Any], asked: str, kind: str) -> bool:
    return bool(message["msg_type"] == kind and message["parent_header"].get("msg_id") == asked)
