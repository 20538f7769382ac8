package web

// brand is the act in which HQ changes its rules.
func (s *stall) brand() {
	o, t := s.office, s.t
	old, tag := want[apiBrand](o, 200, ask{method: "GET", path: "/brand"})
	body := apiBrandBody{Name: "Lin & Daughters", TaxBP: 1_300, TaxInclusive: true, Program: old.Program}
	body.Program.Mode, body.Program.WindowDays, body.Program.HoldDays, body.Program.MinPayoutMinor = "window", 45, 14, 5_000
	body.Program.SharerFixedMinor, body.Program.SharerCurrency, body.Program.SharerPerDay = 500, "CNY", 9
	changed, newTag := want[apiBrand](o, 200, ask{method: "PUT", path: "/brand", body: body, match: tag})
	if changed.Name != body.Name || changed.TaxBP != 1_300 || !changed.TaxInclusive || changed.Program != body.Program || newTag == tag {
		t.Errorf("brand %+v, want %+v", changed, body)
	}
	if now := read[apiBrand](o, "/brand"); now.Program != body.Program || now.Version != changed.Version {
		t.Errorf("it reads %+v", now)
	}
	o.refused(412, "stale", ask{method: "PUT", path: "/brand", body: body, match: tag})
	body.Program.Levels = 3
	o.refused(400, "bad_input", ask{method: "PUT", path: "/brand", body: body})
}
