"""Whether a training is sound: measures, rules over them, findings with an advice."""
