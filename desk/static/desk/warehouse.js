/* Floor mode: one input that is always focused, scans that are never lost.

   A scan goes into a queue in the browser's storage before it is sent, under a key made up for it, and
   leaves the queue when the server has answered. The queue is sent in order, one scan at a time; without a
   connection it waits, and the same key sent again takes no effect twice. Without this script the form
   simply posts. */
"use strict";

(() => {
    const form = document.getElementById("scan-form");
    const input = document.getElementById("scan");
    const panel = document.getElementById("panel");
    const due = document.getElementById("due");
    const line = document.getElementById("line");
    const store = `keydesk-scans-${form.dataset.actor}`;
    const LONGEST_PAUSE = 8000;
    let memory = [];
    let isSending = false;
    let pause = 500;
    let sound = null;

    /* ── The queue: in storage, or in memory where there is none ─────────────────────────────────── */

    function waiting() {
        try {
            return JSON.parse(localStorage.getItem(store) || "[]");
        } catch {
            return memory;
        }
    }

    function keep(scans) {
        memory = scans;
        try {
            localStorage.setItem(store, JSON.stringify(scans));
        } catch {
            /* Private windows keep nothing; the memory of this page has it. */
        }
    }

    function newKey() {
        const bytes = crypto.getRandomValues(new Uint8Array(16));
        return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    }

    function take(name, text) {
        const scans = waiting();
        const scan = { url: form.action, key: newKey(), [name]: text };
        // With scans before it, nobody can know what will be in hand when this one arrives.
        if (scans.length === 0) {
            scan.shown = form.elements.shown.value;
        }
        keep([...scans, scan]);
        say();
        send();
    }

    /* ── Sending ─────────────────────────────────────────────────────────────────────────────────── */

    async function send() {
        if (isSending) {
            return;
        }
        isSending = true;
        const lock = navigator.locks ? (work) => navigator.locks.request(store, work) : (work) => work();
        await lock(sendAll);
        isSending = false;
        if (waiting().length) {
            setTimeout(send, pause);
            pause = Math.min(pause * 2, LONGEST_PAUSE);
        }
    }

    async function sendAll() {
        for (let scan = waiting()[0]; scan; scan = waiting()[0]) {
            const trouble = await sendOne(scan);
            say(trouble);
            if (trouble) {
                return;
            }
            pause = 500;
        }
    }

    /* Returns what keeps the scan waiting, empty when it was answered. */
    async function sendOne(scan) {
        const { url, ...fields } = scan;
        const body = new URLSearchParams(fields);
        body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
        let response;
        try {
            response = await fetch(url, {
                method: "POST",
                body,
                headers: { Accept: "application/json" },
                redirect: "manual",
                signal: AbortSignal.timeout(10000),
            });
        } catch {
            return "no connection";
        }
        if (response.type === "opaqueredirect") {
            return "you are signed out; sign in and load this page again";
        }
        if (response.status === 403) {
            return "this page is too old, or your role has changed; load it again";
        }
        if (response.status !== 200 && response.status !== 422) {
            return "the server does not answer";
        }
        const answer = await response.json();
        keep(waiting().filter((other) => other.key !== scan.key));
        show(answer, url);
        return "";
    }

    /* ── Showing ─────────────────────────────────────────────────────────────────────────────────── */

    function show(answer, url) {
        play(answer.is_good);
        if (url !== form.action) {
            return;
        }
        const isOpen = panel.querySelector("details[open]") !== null;
        panel.innerHTML = answer.panel;
        if (isOpen) {
            panel.querySelector("details")?.setAttribute("open", "");
        }
        due.textContent = answer.due;
        form.elements.shown.value = answer.shown;
        form.elements.key.value = newKey();
        input.focus();
    }

    function say(trouble = "") {
        const number = waiting().length;
        if (number === 0) {
            line.textContent = "";
        } else if (trouble) {
            line.textContent = `${number} ${number === 1 ? "scan waits" : "scans wait"}: ${trouble}. Nothing is lost.`;
        }
        line.classList.toggle("scan-line-waits", Boolean(trouble) && number > 0);
    }

    /* One short high tone for done, two long low ones for refused. */
    function play(isGood) {
        document.body.dataset.heard = isGood ? "good" : "bad";
        try {
            sound ||= new AudioContext();
            const tones = isGood ? [[880, 0, 0.08]] : [[180, 0, 0.22], [140, 0.28, 0.3]];
            for (const [pitch, start, length] of tones) {
                const tone = sound.createOscillator();
                const loudness = sound.createGain();
                tone.type = isGood ? "sine" : "square";
                tone.frequency.value = pitch;
                loudness.gain.value = 0.2;
                tone.connect(loudness).connect(sound.destination);
                tone.start(sound.currentTime + start);
                tone.stop(sound.currentTime + start + length);
            }
        } catch {
            /* No loudspeaker; the sentence and its sign say it. */
        }
    }

    /* ── What people do ──────────────────────────────────────────────────────────────────────────── */

    form.addEventListener("submit", (event) => {
        event.preventDefault();
        const command = event.submitter?.name === "command" ? event.submitter.value : "";
        const text = input.value;
        if (command) {
            take("command", command);
        } else if (text.trim()) {
            input.value = "";
            take("scan", text);
        }
        input.focus();
    });

    // A touch beside everything must not lose the next scan.
    document.addEventListener("pointerup", (event) => {
        if (!form.hidden && !event.target.closest("a, button, input, select, textarea, summary, label")) {
            input.focus();
        }
    });

    // Nor a scan that comes while a button has the focus; Enter and Space stay the button's.
    document.addEventListener("keydown", (event) => {
        const isText = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.altKey && !event.metaKey;
        if (isText && !form.hidden && !event.target.closest("input, select, textarea")) {
            input.focus();
        }
    });

    window.addEventListener("online", send);
    if (!form.hidden) {
        input.focus();
    }
    say();
    send();
})();
