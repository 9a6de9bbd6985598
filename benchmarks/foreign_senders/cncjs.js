// Has a cncjs server (https://cnc.js.org) open a GRBL port and send a file, by the interface that its own page uses.
//
//     NODE_PATH=FOLDER/node_modules node cncjs.js URL PORT BAUD FILE
//
// Prints what the server says that is not the daily round (`ok`, status, settings), and how its sender ended.

const fs = require('fs');
const io = require('socket.io-client');

const [url, port, baudrate, file] = process.argv.slice(2);
const DAILY = /^(ok|<.*>|\$\d+=.*|\[(GC|G5\d|G28|G30|G92|TLO|PRB|VER|OPT|HLP):.*\]|)$/;
const seen = {};

async function main() {
  const answer = await fetch(`${url}/api/signin`, { method: 'POST' });
  const { token } = await answer.json();
  const socket = io.connect(url, { query: `token=${token}` });
  const command = (...words) => socket.emit('command', port, ...words);
  const leave = (code) => socket.emit('close', port, () => process.exit(code));
  let started = false;
  let sent = null;

  socket.on('serialport:open', () => console.log('port opened'));
  socket.on('serialport:error', (error) => console.log('serialport:error', JSON.stringify(error)));
  socket.on('serialport:read', (text) => {
    if (DAILY.test(text)) {
      seen.daily = (seen.daily || 0) + 1;
    } else {
      console.log(`the board: ${text}`);
    }
  });
  socket.on('error', (error) => console.log('error', error));
  socket.on('feeder:status', (status) => status.hold && console.log(`feeder held: ${JSON.stringify(status.holdReason)}`));
  socket.on('sender:status', (status) => {
    sent = status;
    if (status.hold) {
      console.log(`sender held: ${JSON.stringify(status.holdReason)}`);
    }
  });
  socket.on('workflow:state', (state) => console.log(`workflow: ${state}`));
  socket.on('controller:state', (type, state) => {
    const active = state.status && state.status.activeState;
    if (active === 'Alarm') {
      console.log('alarm');
      leave(1);
    } else if (active === 'Idle' && !started) {
      started = true;
      command('gcode:load', 'job', fs.readFileSync(file, 'utf8'), {}, (error) => {
        console.log(error ? `load: ${error}` : 'file loaded');
        command('gcode:start');
      });
    } else if (active === 'Idle' && sent && sent.finishTime > 0) {
      console.log(`sent ${sent.sent}, answered ${sent.received} of ${sent.total} lines in ${(sent.elapsedTime / 1000).toFixed(1)} s`);
      console.log(`${seen.daily} lines of the daily round`);
      leave(0);
    }
  });
  socket.on('connect', () => {
    socket.emit('open', port, { controllerType: 'Grbl', baudrate: Number(baudrate) }, (error) => {
      if (error) {
        console.log(`open: ${error}`);
        process.exit(1);
      }
    });
  });
}

main();
