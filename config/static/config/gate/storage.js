// What the device keeps: its settings, the list of codes, check-ins that were not sent, and conflicts.

const NAMES = "kept";
let opened;

function database() {
  opened ??= promised(() => {
    const request = indexedDB.open("gate", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(NAMES);
    return request;
  });
  return opened;
}

function promised(start) {
  return new Promise((resolve, reject) => {
    const request = start();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export async function load(name, otherwise) {
  const store = (await database()).transaction(NAMES).objectStore(NAMES);
  return (await promised(() => store.get(name))) ?? otherwise;
}

// Resolves once it is on the disk: a check-in is shown only after that.
export async function save(name, value) {
  const transaction = (await database()).transaction(NAMES, "readwrite", { durability: "strict" });
  transaction.objectStore(NAMES).put(value, name);
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}
