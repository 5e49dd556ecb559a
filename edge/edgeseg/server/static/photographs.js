// The photographs of this session: queue, uploads and states.

import { postPhotograph } from "./api.js";
import { decodeSegmentation } from "./segmentation.js";

const MAX_UPLOADS = 2; // simultaneous uploads; other photographs wait in `waiting`
const THUMBNAIL_SIDE = 96;

export const photographs = []; // {id, file, name, frame, state, progress, message, ...}
export const events = new EventTarget(); // change (detail: photograph), offline, online, token

const waiting = [];
let running = 0;
let maxBytes = Infinity;
let nextId = 1;

export function setMaxBytes(bytes) {
    maxBytes = bytes;
}

export function addFiles(files) {
    for (const file of files) add(file, 1);
}

// Upload the photographs again that failed because the server or the token was missing.
export function resume() {
    for (const photograph of photographs) {
        if (photograph.state === "offline") enqueue(photograph);
    }
}

export function change(photograph, values) {
    Object.assign(photograph, values);
    events.dispatchEvent(new CustomEvent("change", { detail: photograph }));
}

function add(file, frame) {
    const name = frame === 1 ? file.name : `${file.name}, image ${frame}`;
    const photograph = {
        id: nextId++,
        file,
        frame,
        name,
        state: "waiting",
        progress: 0,
        message: "",
        answer: null,
        records: null,
        thumbnail: null,
        threshold: null,
        eye: null,
        umPerPx: null,
        measuring: null, // query of the newest request for measurements, until its answer
        measuresError: "",
    };
    photographs.push(photograph);
    if (file.size > maxBytes) {
        change(photograph, {
            state: "failed",
            message:
                `${name}: more than ${maxBytes >> 20} MiB. ` +
                "Add a smaller file.",
        });
        return;
    }
    enqueue(photograph);
}

function enqueue(photograph) {
    change(photograph, { state: "waiting", progress: 0, message: "" });
    waiting.push(photograph);
    startNext();
}

function startNext() {
    while (running < MAX_UPLOADS && waiting.length) {
        running++;
        segment(waiting.shift()).finally(() => {
            running--;
            startNext();
        });
    }
}

async function segment(photograph) {
    const onProgress = (share) =>
        change(photograph, { state: share < 1 ? "uploading" : "segmenting", progress: share });
    onProgress(0);
    try {
        const query = { measures: true, frame: photograph.frame };
        const answer = await postPhotograph("/page/image", query, photograph.file, onProgress);
        const segmentation = await decodeSegmentation(answer);
        addFurtherFrames(photograph, segmentation.frameCount);
        change(photograph, {
            state: "done",
            answer,
            records: segmentation.records,
            threshold: segmentation.defaultThreshold,
            defaultThreshold: segmentation.defaultThreshold,
            lowQuality: segmentation.records.some((record) => record.quality?.ungradable),
            thumbnail: await makeThumbnail(segmentation.image),
        });
        segmentation.image.close();
    } catch (failure) {
        await onFailure(photograph, failure);
    }
}

async function onFailure(photograph, failure) {
    if (failure.kind === "busy") {
        change(photograph, { state: "busy" });
        await new Promise((resolve) => setTimeout(resolve, 1000 * failure.retryAfter));
        waiting.push(photograph);
    } else if (failure.kind === "offline" || failure.kind === "token") {
        change(photograph, { state: "offline", progress: 0 });
        events.dispatchEvent(new Event(failure.kind));
    } else {
        addFurtherFrames(photograph, failure.frameCount ?? 1);
        change(photograph, { state: "failed", message: failure.message });
    }
}

function addFurtherFrames(photograph, count) {
    if (photograph.frame !== 1) return;
    for (let frame = 2; frame <= count; frame++) add(photograph.file, frame);
}

async function makeThumbnail(image) {
    const scale = THUMBNAIL_SIDE / Math.max(image.width, image.height);
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
    return URL.createObjectURL(blob);
}
