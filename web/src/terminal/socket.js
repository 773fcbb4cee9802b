// The way to the server: Socket.IO, by WebSocket where it can be had.

import { io } from 'socket.io-client';
import { onConnection } from '../connection.js';
import { TerminalConnection } from './connection.js';

/**
 * @param {Record<string, string>} [auth] what is sent in the connect packet, never in an address
 * @returns {TerminalConnection}
 */
export function connect(auth) {
  const socket = io({
    autoConnect: false,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: 300,
    reconnectionDelayMax: 5000,
    ...(auth && { auth }),
  });
  const connection = new TerminalConnection(socket);
  onConnection((online) => online && connection.hurry());
  return connection;
}
