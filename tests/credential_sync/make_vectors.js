// Credentials as a platform encrypts them, by Node's own crypto. Prints vectors.json: node make_vectors.js > vectors.json
// With an argument: encrypts standard input with a random iv under the first vector's key, for the live test.
const crypto = require("node:crypto");

const KEY = "0123456789abcdef0123456789ABCDEF";
const STORAGE_KEY = "fedcba9876543210FEDCBA9876543210";
const LATIN1_KEY = "clé-de-32-caractères-ÀÉÎÕÜ-äöüß+";

function encrypt(key, text, iv = crypto.randomBytes(16)) {
  const cipher = crypto.createCipheriv("aes-256-cbc", Buffer.from(key, "latin1"), iv);
  return iv.toString("hex") + ":" + cipher.update(text, "utf8", "hex") + cipher.final("hex");
}

const oauth = { access_token: "ya29.token", refresh_token: "1//refresh", token_type: "Bearer", scope: "calendar", expiry_date: 1767400000000 };
const objects = {
  "google-calendar": oauth,
  "office365-calendar": { ...oauth, email: "ann@example.com", expiry_date: 1767400000 },
  "apple-calendar": { username: "ann@icloud.com", password: "abcd-efgh-ijkl-mnop" },
  "caldav-calendar": { username: "änn", password: "geheim €", url: "https://dav.example.com/" },
  "zohocalendar": { access_token: "1000.a", refresh_token: "1000.r", expires_in: 1767400000, server_location: "eu" },
  "ics-feed": { urls: ["https://example.com/a.ics", "webcal://example.com/b.ics"], skipWriting: true },
  "salesforce": { access_token: "00D!x", refresh_token: "5Aep", instance_url: "https://a.my.salesforce.com", id: "https://login.salesforce.com/id/00D/005", issued_at: "1767396400000", token_lifetime: 3600 },
  "hubspot": { accessToken: "pat", refreshToken: "r", expiresIn: 1800, expiryDate: 1767400000000 },
  "zohocrm": { access_token: "1000.a", refresh_token: "1000.r", expiryDate: 1767400000000, accountServer: "https://accounts.zoho.eu" },
  "zoho-bigin": { access_token: "1000.a", refresh_token: "1000.r", expiryDate: 1767400000000, api_domain: "https://www.zohoapis.eu" },
};
const wrapped = new Set(["apple-calendar", "caldav-calendar", "ics-feed"]);

function vectors() {
  const found = [];
  let n = 0;
  const iv = () => Buffer.alloc(16, ++n);
  for (const [app, object] of Object.entries(objects)) {
    const text = JSON.stringify(object);
    found.push({ app, key: KEY, wrapped: false, object, keys: encrypt(KEY, text, iv()) });
    if (wrapped.has(app)) {
      const inner = JSON.stringify(encrypt(STORAGE_KEY, text, iv()));
      found.push({ app, key: KEY, wrapped: true, object, keys: encrypt(KEY, inner, iv()) });
    }
  }
  found.push({ app: "google-calendar", key: LATIN1_KEY, wrapped: false, object: oauth, keys: encrypt(LATIN1_KEY, JSON.stringify(oauth), iv()) });
  return { storage_key: STORAGE_KEY, vectors: found };
}

if (process.argv.length > 2) {
  process.stdout.write(encrypt(KEY, require("node:fs").readFileSync(0, "utf8")));
} else {
  process.stdout.write(JSON.stringify(vectors(), null, 2) + "\n");
}
