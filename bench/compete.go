package bench

import (
	"context"
	"os"

	"sluice/bench/peers"
)

// peerStep measures a peer on the main scenario's file. A peer that is not
// installed has no rounds, and its results say what to run.
func (s *stage) peerStep(ctx context.Context, p peers.Peer) *step {
	st := &step{name: p.Name, rounds: s.cfg.Runs, limit: 2 * stepLimit(s.cfg.Rows)}
	version, err := p.Version(ctx)
	for _, about := range p.Steps {
		against := Main
		if about.Again {
			against = "update-ordered"
		}
		res := &Result{Name: about.Name, Kind: KindPeer, Group: "peers", About: about.About, Headline: true,
			Against: against, Version: version, Settings: p.Settings, Floor: floorName(csvShape)}
		if err != nil {
			res.Missing = err.Error()
		}
		st.results = append(st.results, res)
	}
	if err != nil {
		st.rounds = 0
		s.cfg.say("%s: %v", p.Name, err)
	}
	st.run = func(ctx context.Context) ([]Sample, error) { return s.compete(ctx, p) }
	return st
}

func (s *stage) compete(ctx context.Context, p peers.Peer) ([]Sample, error) {
	in, err := s.files.get(csvShape, s.clean())
	if err != nil {
		return nil, err
	}
	dir, err := s.workDir("peer-" + p.Name)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // what is left goes with the work folder
	measured, err := p.Measure(ctx, peers.Job{Dir: dir, CSV: in.Files[0], Rows: in.Rows})
	if err != nil {
		return nil, err
	}
	var runs []Sample
	for _, m := range measured {
		runs = append(runs, Sample{Seconds: m.Seconds, Rows: in.Rows, Bytes: in.Bytes, CPUSeconds: m.CPUSeconds,
			PeakAnon: m.PeakAnon, WriteBytes: m.WriteBytes, DiskBytes: m.DiskBytes})
	}
	return runs, nil
}
