"""litellm alone, streaming from the provider of a benchmark: what its part of an answer costs.

Usage: litellm_client.py URL STREAMS AT_ONCE < the messages as JSON; prints processor milliseconds a stream.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

WARM = 3


async def main() -> int:
    """Measure."""
    url, streams, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    messages = json.load(sys.stdin)
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    # As bare as it gets: no retries of its own, nothing logged, nobody told.
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.disable_streaming_logging = True
    litellm.disable_aiohttp_transport = True
    places = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with places:
            stream: Any = await litellm.acompletion(
                model="openai/m",
                messages=messages,
                api_base=url,
                api_key="none",
                stream=True,
                stream_options={"include_usage": True},
                max_tokens=512,
                max_retries=0,
                num_retries=0,
            )
            async for _ in stream:
                pass

    for _ in range(WARM):
        await one()
    began = time.process_time()
    await asyncio.gather(*(one() for _ in range(streams)))
    print((time.process_time() - began) / streams * 1e3)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
