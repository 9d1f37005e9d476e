// The dashboard: asks for a read key once, then draws the screen from the address.
import { render } from "preact";
import { App } from "./app";
import "./styles/main.css";

render(<App />, document.getElementById("app")!);
