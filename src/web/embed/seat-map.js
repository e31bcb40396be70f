// The seat map for other sites: one module, which loads the rest from the server that it came from.

export { SeatMap } from "../assets/seat_map/element.js";
