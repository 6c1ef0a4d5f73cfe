/** What runs in a pod: says over HTTP and UDP who it is and who asks. Arguments: name, port. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';

const [, , name = '', port = ''] = process.argv;
const answer = (from: string | undefined): string => JSON.stringify({ name, from });
createServer((request, response) => response.end(answer(request.socket.remoteAddress))).listen(Number(port), '0.0.0.0');
const udp = createSocket('udp4');
udp.on('message', (_message, from) => udp.send(answer(from.address), from.port, from.address));
udp.bind(Number(port), '0.0.0.0', () => process.stdout.write('ready\n'));
