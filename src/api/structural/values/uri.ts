/** Go's url.ParseRequestURI (1.26), of which only the verdict is asked for. */
import { isIPv6 } from 'node:net';

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
/** Neither visible, nor a space, nor beyond ASCII. */
const CONTROL = /[^ -~\u0080-\uffff]/;
const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/;
const USERINFO = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;
/** What a host may have of ASCII, and escapes of what is not ASCII. */
const HOST = /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"\u0080-\uffff]|%[89a-fA-F][0-9a-fA-F]|%25)*$/;
const PORT = /^(?::[0-9]*)?$/;

/** An absolute URI or an absolute path. */
export function isRequestURI(text: string): boolean {
  if (text === '' || CONTROL.test(text)) return false;
  if (text === '*') return true;
  // A colon with nothing before it is a scheme left out.
  if (text.startsWith(':')) return false;
  const scheme = SCHEME.exec(text)?.[1];
  const behind = scheme === undefined ? text : text.slice(scheme.length + 1);
  const query = behind.indexOf('?');
  const rest = query < 0 ? behind : behind.slice(0, query);
  if (!rest.startsWith('/')) return scheme !== undefined;
  if (scheme === undefined || !rest.startsWith('//')) return !BAD_ESCAPE.test(rest);
  const slash = rest.indexOf('/', 2);
  const authority = rest.slice(2, slash < 0 ? undefined : slash);
  return isAuthority(authority) && (slash < 0 || !BAD_ESCAPE.test(rest.slice(slash)));
}

function isAuthority(authority: string): boolean {
  const at = authority.lastIndexOf('@');
  const userinfo = at < 0 ? '' : authority.slice(0, at);
  return USERINFO.test(userinfo) && !BAD_ESCAPE.test(userinfo) && isHost(authority.slice(at + 1));
}

function isHost(host: string): boolean {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']');
    if (end < 0 || !PORT.test(host.slice(end + 1))) return false;
    const [address = '', zone] = host.slice(1, end).split('%25');
    return isIPv6(address) && (zone === undefined || (zone !== '' && !BAD_ESCAPE.test(zone)));
  }
  const colon = host.indexOf(':');
  return (colon < 0 || PORT.test(host.slice(colon))) && HOST.test(host);
}
