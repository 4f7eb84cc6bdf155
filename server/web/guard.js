// Keeps a page of Prefect's UI from asking other hosts than its own and that of the API (see files.py beside it).
(() => {
  "use strict";
  const allowed = new Set([location.origin, location.origin.replace(/^http/, "ws")]);
  for (const host of document.currentScript.dataset.hosts.split(" ").filter(Boolean)) allowed.add(new URL(host).origin);
  const SQUARE =
    "data:image/svg+xml," +
    encodeURIComponent(
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect x="4" y="4" width="16" height="16" rx="3" ' +
        'fill="none" stroke="gray" stroke-width="2"/></svg>'
    );

  function isOutside(given) {
    let url;
    try {
      url = new URL(String(given), document.baseURI);
    } catch {
      return false;
    }
    return /^(https?|wss?|ftp):$/.test(url.protocol) && !allowed.has(url.origin);
  }
  const isAnyOutside = (set) => String(set).split(",").some((one) => isOutside(one.trim().split(/\s+/)[0]));

  const ask = window.fetch;
  window.fetch = function (resource, options) {
    const url = resource instanceof Request ? resource.url : resource;
    if (isOutside(url)) return Promise.reject(new TypeError(`this site asks no other host: ${url}`));
    return ask.call(this, resource, options);
  };
  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    if (isOutside(url)) throw new DOMException(`this site asks no other host: ${url}`, "NetworkError");
    return open.call(this, method, url, ...rest);
  };
  const beacon = navigator.sendBeacon;
  navigator.sendBeacon = function (url, ...rest) {
    return isOutside(url) ? false : beacon.call(this, url, ...rest);
  };

  // What loads by itself when an element gets it, and what it gets instead.
  const LOADS = {
    IMG: { src: SQUARE, srcset: "" },
    SOURCE: { src: "", srcset: "" },
    image: { href: SQUARE, "xlink:href": SQUARE },
    VIDEO: { src: "", poster: "" },
    AUDIO: { src: "" },
    IFRAME: { src: "about:blank" },
    SCRIPT: { src: "" },
    LINK: { href: "" },
  };
  function inside(element, name, value) {
    const instead = LOADS[element.nodeName]?.[name];
    if (instead === undefined) return value;
    return (name === "srcset" ? isAnyOutside(value) : isOutside(value)) ? instead : value;
  }
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    return setAttribute.call(this, name, inside(this, String(name).toLowerCase(), value));
  };
  const setAttributeNS = Element.prototype.setAttributeNS;
  Element.prototype.setAttributeNS = function (space, name, value) {
    return setAttributeNS.call(this, space, name, inside(this, String(name).toLowerCase(), value));
  };
  for (const [type, names] of [
    [HTMLImageElement, ["src", "srcset"]],
    [HTMLSourceElement, ["src", "srcset"]],
    [HTMLMediaElement, ["src"]],
    [HTMLVideoElement, ["poster"]],
    [HTMLIFrameElement, ["src"]],
    [HTMLScriptElement, ["src"]],
    [HTMLLinkElement, ["href"]],
  ]) {
    for (const name of names) {
      const property = Object.getOwnPropertyDescriptor(type.prototype, name);
      Object.defineProperty(type.prototype, name, {
        ...property,
        set(value) {
          property.set.call(this, inside(this, name, value));
        },
      });
    }
  }

  // Markdown becomes HTML in one piece. In a template nothing loads, so there it can be changed first.
  const html = Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML");
  function cleaned(given) {
    const text = given === null ? "" : String(given); // Vue gives its own kind of string
    if (!/<(img|image|source|video|audio|iframe|link)\b/i.test(text)) return text;
    const template = document.createElement("template");
    html.set.call(template, text);
    for (const element of template.content.querySelectorAll("*")) {
      for (const name of Object.keys(LOADS[element.nodeName] ?? {})) {
        if (element.hasAttribute(name)) element.setAttribute(name, element.getAttribute(name));
      }
    }
    return html.get.call(template);
  }
  Object.defineProperty(Element.prototype, "innerHTML", {
    ...html,
    set(text) {
      html.set.call(this, cleaned(text));
    },
  });
  const insert = Element.prototype.insertAdjacentHTML;
  Element.prototype.insertAdjacentHTML = function (place, text) {
    return insert.call(this, place, cleaned(text));
  };
  const fragment = Range.prototype.createContextualFragment;
  Range.prototype.createContextualFragment = function (text) {
    return fragment.call(this, cleaned(text));
  };
  const parse = DOMParser.prototype.parseFromString;
  DOMParser.prototype.parseFromString = function (text, type) {
    return parse.call(this, type === "text/html" ? cleaned(text) : text, type);
  };
})();
