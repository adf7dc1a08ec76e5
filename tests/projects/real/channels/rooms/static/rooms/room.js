const name = JSON.parse(document.getElementById("name").textContent);
const socket = new WebSocket(`ws://${location.host}/ws/chat/${name}/`);
socket.onopen = () => socket.send(JSON.stringify({message: "hello from the browser"}));
socket.onmessage = (event) => { document.getElementById("log").textContent += JSON.parse(event.data).message + "\n"; };
