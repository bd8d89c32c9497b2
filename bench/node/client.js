// mqtt of npm publishes at one QoS to a receiver that is killed half-way; prints what it was answered.
// node client.js PORT VERSION(4|5) QOS MESSAGES
const mqtt = require("mqtt");

const [port, version, qos, messages] = process.argv.slice(2).map(Number);
const MOST_REFUSALS = 5;
const answered = { connack: 0, puback: 0, pubrec: 0, pubcomp: 0 };
const faults = [];
const promises = [];
let done = 0;
let closed = 0;
let maximumQoS = null;

const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
  protocolVersion: version, clientId: `npm-${version}-${qos}`, clean: false, reconnectPeriod: 100,
  properties: version === 5 ? { sessionExpiryInterval: 600 } : undefined,
});
client.on("packetreceive", (packet) => {
  if (packet.cmd in answered) answered[packet.cmd] += 1;
  if (packet.cmd === "connack" && packet.properties) maximumQoS = packet.properties.maximumQoS;
});
client.on("error", (fault) => { if (fault.code !== "ECONNREFUSED") faults.push(String(fault)); });
client.on("close", () => { if (++closed > MOST_REFUSALS && done === 0) end("refused"); });
client.once("connect", firstHalf);

function publish(from, to) {
  for (let number = from; number < to; number++) {
    const at = Math.floor(Date.now() / 1000) - messages + number;
    const reading = [{ bn: "d-00000-000:", bt: at, n: `c00${qos}`, u: "mm", v: 0.5 }];
    const sent = client.publishAsync("ridgewatch/s00000/d-00000-000/senml", JSON.stringify(reading), { qos });
    promises.push(sent.then(() => { done += 1; }, (fault) => { faults.push(String(fault)); }));
  }
  return Promise.all(promises);
}

async function firstHalf() {
  await publish(0, messages / 2);
  client.once("close", secondHalf);
  console.log("half"); // now the receiver is killed, and this client notices
}

async function secondHalf() {
  await publish(messages / 2, messages);
  await client.endAsync();
  end("done");
}

function end(how) {
  console.log(JSON.stringify({ how, done, answered, maximumQoS, faults }));
  process.exit(0);
}
