// What is asked of this machine, and what it tells as it comes: a line of JSON for each event.

/** Sends plain values; calls `told` with each event.  Aborting the signal stops the drawing, too. */
export async function asked(path, plain, signal, told) {
  let answer, ended = false;
  const tell = (event) => {
    ended ||= event.event === "done" || event.event === "error";
    told(event);
  };
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(plain),
      signal,
    });
    if (!answer.ok) {
      tell({ event: "error", said: await refusal(answer) });
      return;
    }
    const reader = answer.body.getReader(), decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      lines.forEach((line) => tell(JSON.parse(line)));
    }
    if (!ended) tell({ event: "error", said: "it broke off; is genkit app still running?" });
  } catch (error) {
    if (signal.aborted) told({ event: "stopped" });
    else told({ event: "error", said: "nothing answers any more; is genkit app still running?" });
  }
}

/** Why something was not done, in a line. */
export async function refusal(answer) {
  try {
    return (await answer.json()).said;
  } catch {
    return `nothing sensible was answered (${answer.status}).`;
  }
}

/** Gives a file to the server: the key by which it can be asked for. */
export async function sent(file, name) {
  const answer = await fetch(`file?name=${encodeURIComponent(name)}`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: file,
  });
  if (!answer.ok) throw new Error(await refusal(answer));
  return (await answer.json()).key;
}
