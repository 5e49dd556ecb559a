// Requests to the server that sent this page.

const TOKEN_KEY = "edgeseg-token";

// The token is in the fragment of the address. Browsers do not send the fragment to the server.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, "", location.pathname);
}

export function setToken(token) {
    sessionStorage.setItem(TOKEN_KEY, token);
}

// A request that failed. `kind`: offline, busy, token or failed.
export class RequestFailure extends Error {
    constructor(kind, message, { retryAfter = 5, frameCount = 1 } = {}) {
        super(message);
        this.kind = kind;
        this.retryAfter = retryAfter;
        this.frameCount = frameCount;
    }
}

export async function getJson(path) {
    let response;
    try {
        response = await fetch(path, { headers: authorization() });
    } catch {
        throw new RequestFailure("offline", "The server does not respond.");
    }
    if (response.status === 401)
        throw new RequestFailure("token", "The token is missing or wrong.");
    if (!response.ok)
        throw new RequestFailure("failed", `The server returned status ${response.status}.`);
    return response.json();
}

export async function isServerUp() {
    try {
        return (await fetch("/health")).ok;
    } catch {
        return false;
    }
}

// Post a photograph and return {blob, type}: the body of the response and its media type.
// XMLHttpRequest is used, because fetch does not report the progress of an upload.
export function postPhotograph(path, query, file, onProgress = () => {}) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
        if (value !== null && value !== undefined) parameters.set(name, value);
    }
    const form = new FormData();
    form.append("photograph", file, file.name);
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open("POST", `${path}?${parameters}`);
        request.responseType = "blob";
        for (const [name, value] of Object.entries(authorization()))
            request.setRequestHeader(name, value);
        request.upload.onprogress = (event) =>
            onProgress(event.total ? event.loaded / event.total : 0);
        request.upload.onload = () => onProgress(1);
        request.onload = async () => {
            if (request.status === 200)
                resolve({
                    blob: request.response,
                    type: request.getResponseHeader("Content-Type"),
                });
            else reject(await describeFailure(request));
        };
        request.onerror = async () => reject(await describeNetworkError(file));
        request.send(form);
    });
}

function authorization() {
    const token = sessionStorage.getItem(TOKEN_KEY);
    return token ? { Authorization: `Bearer ${token}` } : {};
}

async function describeFailure(request) {
    const frameCount = Number(request.getResponseHeader("Edgeseg-Frame-Count") ?? 1);
    const retryAfter = Number(request.getResponseHeader("Retry-After") ?? 5);
    let answer = null;
    try {
        answer = JSON.parse(await request.response.text());
    } catch {
        return new RequestFailure("failed", `The server returned status ${request.status}.`);
    }
    const message = Array.isArray(answer) ? answer[0].message : answer.detail;
    const kind = { 401: "token", 503: "busy" }[request.status] ?? "failed";
    return new RequestFailure(kind, message, { retryAfter, frameCount });
}

// Browsers also report a network error for a file that was changed or moved after its selection.
async function describeNetworkError(file) {
    try {
        await file.slice(0, 1).arrayBuffer();
    } catch {
        return new RequestFailure("failed", `${file.name}: the file cannot be read. Add it again.`);
    }
    return new RequestFailure("offline", `${file.name}: the server does not respond.`);
}
