// Perfetto's trace processor, as its web page has it (WebAssembly), for node: requests on standard
// input, replies on standard output, each as a length of 32 bits (little endian) and its bytes.
//
// usage: node engine.js FOLDER   with engine_bundle.js and trace_processor.wasm
const fs = require('fs');
const path = require('path');
const vm = require('vm');
const { MessageChannel } = require('worker_threads');

const folder = process.argv[2];
const requests = fs.readFileSync(0);

// The bundle is made for a worker of a browser: this is what it looks for there.
globalThis.self = globalThis;
globalThis.location = { href: `file://${folder}/engine_bundle.js`, search: '' };
globalThis.WorkerGlobalScope = function () {};
globalThis.importScripts = () => {};
globalThis.XMLHttpRequest = class {
  open(_, url) {
    this.file = path.join(folder, path.basename(String(url)));
  }
  send() {
    const bytes = fs.readFileSync(this.file);
    this.status = 200;
    this.response = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  }
};
console.log = console.warn = (...words) => process.stderr.write(words.join(' ') + '\n');
const node = process;
Object.defineProperty(globalThis, 'process', { value: undefined, configurable: true, writable: true });
vm.runInThisContext(fs.readFileSync(path.join(folder, 'engine_bundle.js'), 'utf8'));
globalThis.process = node;

const { port1, port2 } = new MessageChannel();
const pieces = [];
for (let at = 0; at < requests.length; ) {
  const length = requests.readUInt32LE(at);
  pieces.push(new Uint8Array(requests.subarray(at + 4, at + 4 + length)));
  at += 4 + length;
}
port1.on('message', (reply) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(reply.length);
  fs.writeSync(1, Buffer.concat([length, reply]));
});
self.onmessage({ data: port2, ports: [port2] });
// The reader closes standard input's other end when it has all replies; WebAssembly is ready
// after a few turns of the loop, and requests wait in the channel until then.
setTimeout(() => pieces.forEach((piece) => port1.postMessage(piece)), 2000);
