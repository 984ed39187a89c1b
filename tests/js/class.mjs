// The phones of a class: PHONES of them join the chat at CHAT_URL with PASSCODE, and note what they
// hear. Each line of the input is for one of them: its number, a space and what it is to say. The
// first line of the output says that all are in; the second, once all have heard COUNT messages and
// nothing more is under way, what each has heard, as JSON.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { TIMEOUT } from "./waiting.mjs";

const { CHAT_URL, PASSCODE, PHONES, COUNT } = process.env;

class Phone {
  heard = [];

  constructor(number) {
    this.socket = io(CHAT_URL, {
      forceNew: true,
      auth: { name: `phone ${number}`, passcode: PASSCODE },
    });
  }

  joined() {
    return new Promise((resolve, reject) => {
      this.socket.on("classroom", resolve);
      this.socket.on("connect_error", reject);
    });
  }

  hasHeard(count) {
    return new Promise((resolve) => {
      this.socket.on("recieve-message", ({ id, text }) => {
        if (this.heard.push([id, text]) >= count) resolve();
      });
    });
  }

  ask(event, data) {
    return this.socket.timeout(TIMEOUT).emitWithAck(event, data);
  }
}

const phones = Array.from({ length: Number(PHONES) }, (_, number) => new Phone(number));
const heard = phones.map((phone) => phone.hasHeard(Number(COUNT)));
await Promise.all(phones.map((phone) => phone.joined()));
console.log("all are in");

for await (const line of createInterface({ input: process.stdin })) {
  const [, number, text] = line.match(/^(\d+) (.*)$/);
  const answer = await phones[number].ask("message", { text });
  if (!answer.ok) throw new Error(answer.error);
}
await Promise.all(heard);
await Promise.all(phones.map((phone) => phone.ask("hand", { raised: false })));
console.log(JSON.stringify(phones.map((phone) => phone.heard)));
for (const { socket } of phones) socket.disconnect();
