export { ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
