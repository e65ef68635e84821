/** The pieces every page is made of. */
export { Ahead, useNow, type Clocks } from "./time";
export { Amount, CopyText, Identifier, Moment } from "./values";
export { Busy, Button, LinkButton } from "./actions";
export { Field, Radio, RadioGroup } from "./fields";
export { Icon, type IconName } from "./icons";
export { Empty, Notice, Panel, Status, type Tone } from "./surfaces";
export { classes } from "./classes";
