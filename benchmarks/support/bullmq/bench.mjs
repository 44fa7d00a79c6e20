// BullMQ as the benchmarks' peer: `node bench.mjs VERB [N] [RATE]`, or `node bench.mjs worker`.
// The verbs are those of harness/produce.py, the worker's report that of harness/counter.py; the last line printed is JSON.
import { renameSync, writeFileSync } from 'node:fs';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const AT_ONCE = 50; // adds at the same time, each sending one job after the other
const BULK = 1000;
const WARM = 0.25; // part of every timed run that is sent, but not timed
const SLOTS = 100;
const KEEP = 1000; // completed jobs that stay, as on our side
const DRAINED_WITHIN_MS = 120_000;
const TEXT = 'x'.repeat(64); // every job carries a number and this

const { BENCH_REDIS, BENCH_JOBS = '0', BENCH_WARM = '1', BENCH_REPORT = '/dev/null' } = process.env;
const { hostname, port } = new URL(BENCH_REDIS);
const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const processorMs = () => process.cpuUsage().user / 1e3 + process.cpuUsage().system / 1e3;
const monotonicNs = () => Number(process.hrtime.bigint()); // CLOCK_MONOTONIC, one for all processes

// ── the worker's side ──

const jobs = Number(BENCH_JOBS);
const warm = Number(BENCH_WARM);
const waits = [];
let seen = 0;
let began = 0;
let beganProcessor = 0;

function hit() {
  seen += 1;
  if (seen === warm) {
    began = performance.now();
    beganProcessor = processorMs();
  } else if (seen === jobs) {
    const timed = jobs - warm;
    const report = {
      per_second: (timed / (performance.now() - began)) * 1e3,
      cpu_us: ((processorMs() - beganProcessor) / timed) * 1e3,
      waits_ms: waits,
    };
    writeFileSync(`${BENCH_REPORT}.draft`, JSON.stringify(report));
    renameSync(`${BENCH_REPORT}.draft`, BENCH_REPORT);
  }
}

const handlers = {
  noop: async () => hit(),
  nap: async () => {
    await sleep(1);
    hit();
  },
  stamp: async (job) => {
    if (seen >= warm) waits.push((monotonicNs() - job.data.sent_ns) / 1e6);
    hit();
  },
};

function work() {
  const options = { connection, concurrency: SLOTS, removeOnComplete: { count: KEEP } };
  new Worker('bench', (job) => handlers[job.name](job), options);
}

// ── the sender's side ──

const payload = (number) => ({ number, text: TEXT });

async function many(queue, name, first, last) {
  for (let at = first; at < last; at += BULK) {
    const size = Math.min(BULK, last - at);
    await queue.addBulk(Array.from({ length: size }, (_, n) => ({ name, data: payload(at + n) })));
  }
}

async function oneByOne(queue, first, last) {
  let next = first;
  const send = async () => {
    while (next < last) await queue.add('noop', payload(next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, send));
}

async function timed(count, run) {
  const untimed = Math.floor(count * WARM);
  await run(0, untimed);
  const [start, processor] = [performance.now(), processorMs()];
  await run(untimed, count);
  const rest = count - untimed;
  return {
    per_second: (rest / (performance.now() - start)) * 1e3,
    cpu_us: ((processorMs() - processor) / rest) * 1e3,
  };
}

async function pace(queue, count, rate) {
  const redis = new Redis(connection);
  const trips = [];
  const start = performance.now();
  const until = async (moment) => {
    const left = start + moment - performance.now();
    if (left > 0) await sleep(left);
  };
  const sent = [];
  let asking = false;
  for (let number = 0; number < count; number += 1) {
    await until((number * 1e3) / rate);
    sent.push(queue.add('stamp', { sent_ns: monotonicNs(), text: TEXT }));
    await until(((number + 0.5) * 1e3) / rate);
    if (!asking) {
      // one at a time: a stall is one slow ping
      asking = true;
      const asked = performance.now();
      sent.push(redis.ping().then(() => { asking = false; trips.push(performance.now() - asked); }));
    }
  }
  await Promise.all(sent);
  redis.disconnect();
  trips.sort((a, b) => a - b);
  return { round_trip_ms: trips[Math.floor(trips.length / 2)] };
}

async function left(queue) {
  const counts = await queue.getJobCounts();
  return Object.entries(counts).reduce((sum, [state, n]) => (state === 'completed' ? sum : sum + n), 0);
}

async function drained(queue) {
  const deadline = performance.now() + DRAINED_WITHIN_MS;
  for (;;) {
    const count = await left(queue);
    if (count === 0) return {};
    if (performance.now() > deadline) throw new Error(`${count} jobs have not ended well.`);
    await sleep(50);
  }
}

const verbs = {
  fill: async (queue, count) => (await many(queue, 'noop', 0, count), {}),
  fill_naps: async (queue, count) => (await many(queue, 'nap', 0, count), {}),
  work: async (queue, count) => (await many(queue, 'noop', 0, count), drained(queue)),
  single: (queue, count) => timed(count, (first, last) => oneByOne(queue, first, last)),
  bulk: (queue, count) => timed(count, (first, last) => many(queue, 'noop', first, last)),
  pace,
  drained,
  waiting: async (queue) => ({ jobs: await left(queue) }),
};

const [verb, ...figures] = process.argv.slice(2);
if (verb === 'worker') {
  work();
} else {
  const queue = new Queue('bench', { connection });
  await queue.waitUntilReady();
  console.log(JSON.stringify(await verbs[verb](queue, ...figures.map(Number))));
  await queue.close();
}
