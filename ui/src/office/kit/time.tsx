/** What time it is at the platform: asked once, and again whenever something happens there. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { Ahead } from "../../design";
import { office } from "./session";

const TICK_MILLISECONDS = 30_000; // How old something is grows while one looks at it.

/** Everything below it shows how long ago something was by the platform's clocks. */
export function PlatformTime({ children }: { readonly children: ReactNode }) {
  const [tick, setTick] = useState(0);
  const time = useQuery({
    queryKey: ["time"],
    queryFn: async ({ signal }) => {
      const asked = Date.now();
      const told = await office("get", "/v1/time", { signal });
      const here = (asked + Date.now()) / 2;
      return {
        business: new Date(told.business_at).getTime() - here,
        machine: new Date(told.machine_at).getTime() - here,
      };
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: "always",
  });
  useEffect(() => {
    const timer = setInterval(() => setTick((before) => before + 1), TICK_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  const { business = 0, machine = 0 } = time.data ?? {};
  // A new object at each tick: then every moment is written anew.
  const ahead = useMemo(() => ({ business, machine, tick }), [business, machine, tick]);
  return <Ahead.Provider value={ahead}>{children}</Ahead.Provider>;
}
