// The dashboard's entry point.
import { render } from "preact";
import { App } from "./app";
import { LOCALE } from "./texts";
import "./styles/main.css";

document.documentElement.lang = LOCALE;
render(<App />, document.getElementById("app")!);
