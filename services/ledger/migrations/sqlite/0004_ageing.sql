-- Clients' request ids by age: each hour those past 400 days are forgotten (what may go is guarded by triggers of migration 7).
CREATE INDEX requests_of_clients ON requests (recorded_at) WHERE digest IS NOT NULL;
