// The official SignalR client, driven line by line: reads one JSON command per line, writes one JSON event per line.
import { createInterface } from "node:readline";
import * as signalR from "@microsoft/signalr";

let connection;
/** Last sequence seen of each joined showtime, as a page would keep it. */
const seen = new Map();

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const text = (error) => (error === undefined ? null : String(error.message ?? error));

/** Speaks JSON under another protocol's name. */
class Misnamed extends signalR.JsonHubProtocol {
  constructor(name) {
    super();
    this.name = name;
  }
}

function build({ url, skipNegotiation, transport, retries, serverTimeout, keepAlive, protocol, rejoin }) {
  const options = { skipNegotiation: skipNegotiation === true };
  if (transport !== undefined) options.transport = signalR.HttpTransportType[transport];
  else if (options.skipNegotiation) options.transport = signalR.HttpTransportType.WebSockets;
  const builder = new signalR.HubConnectionBuilder().withUrl(url, options).configureLogging(signalR.LogLevel.None);
  if (retries !== undefined) builder.withAutomaticReconnect(retries);
  if (protocol !== undefined) builder.withHubProtocol(new Misnamed(protocol));
  connection = builder.build();
  if (serverTimeout !== undefined) connection.serverTimeoutInMilliseconds = serverTimeout;
  if (keepAlive !== undefined) connection.keepAliveIntervalInMilliseconds = keepAlive;
  connection.on("SeatsStatusChanged", (delta) => {
    seen.set(delta.showtimeId, delta.sequence);
    say({ event: "delta", delta });
  });
  connection.onclose((error) => say({ event: "closed", error: text(error) }));
  connection.onreconnecting((error) => say({ event: "reconnecting", error: text(error) }));
  connection.onreconnected(async () => {
    if (rejoin !== false) {
      for (const [showtime, sequence] of [...seen]) {
        const joined = await connection.invoke("JoinShowtime", showtime, sequence);
        say({ event: "rejoined", joined });
      }
    }
    say({ event: "reconnected" });
  });
}

async function stream(method, args) {
  return new Promise((resolve, reject) =>
    connection.stream(method, ...args).subscribe({ next: () => {}, complete: resolve, error: reject }),
  );
}

async function carryOut(command) {
  switch (command.do) {
    case "build":
      return build(command);
    case "start":
      return connection.start();
    case "invoke": {
      const result = await connection.invoke(command.method, ...command.args);
      if (command.method.toLowerCase() === "joinshowtime") {
        if (!seen.has(result.showtimeId)) seen.set(result.showtimeId, result.sequence);
      }
      return result;
    }
    case "send":
      return connection.send(command.method, ...command.args);
    case "stream":
      return stream(command.method, command.args);
    case "stop":
      return connection.stop();
    case "state":
      return { state: connection.state, connectionId: connection.connectionId };
    default:
      throw new Error(`unknown command ${command.do}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    const result = await carryOut(command);
    say({ event: "done", result: result ?? null });
  } catch (error) {
    say({ event: "failed", error: text(error) });
  }
}
process.exit(0);
