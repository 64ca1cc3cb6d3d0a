"""The paper's own data sets: photographs that everybody has to fetch for themselves, since nobody may pass them on."""
