# Named answers to chapter 0: wrong ones, each with what its author must read, and right ones.

# %% predict-0-1 wrong "a: the page decides" expect "only running a cell changes what it knows"
predict_0_1 = "a"

# %% predict-0-1 wrong "c: an edited cell is forgotten" expect "takes nothing away from the kernel"
predict_0_1 = "c"

# %% predict-0-1 right "b"
predict_0_1 = "b"

# %% 0.1 wrong "counts the right answers" expect "this is the number of right answers"
def accuracy(predictions, labels):
    return (predictions == labels).sum().item()

# %% 0.1 wrong "share of wrong answers" expect "this is the share of wrong answers"
def accuracy(predictions, labels):
    return (predictions != labels).float().mean().item()

# %% 0.1 wrong "per cent" expect "this is a percentage"
def accuracy(predictions, labels):
    return 100 * (predictions == labels).float().mean().item()

# %% 0.1 wrong "whole-number division" expect "did you round to a whole number"
def accuracy(predictions, labels):
    return (predictions == labels).sum().item() // len(labels)

# %% 0.1 wrong "divides by the four of the example" expect "divided by 4; the number of samples may be any"
def accuracy(predictions, labels):
    return (predictions == labels).sum().item() / 4

# %% 0.1 wrong "mean distance of the class numbers" expect "class numbers are names"
def accuracy(predictions, labels):
    return max(0.0, 1 - (predictions - labels).abs().float().mean().item())

# %% 0.1 wrong "rounds to two digits" expect "did you round? Return the share as it is"
def accuracy(predictions, labels):
    return round((predictions == labels).float().mean().item(), 2)

# %% 0.1 wrong "is the whole tensor equal" expect "did you round to a whole number"
def accuracy(predictions, labels):
    return float(torch.equal(predictions, labels))

# %% 0.1 wrong "forgets to return" expect "expected a number, got None"
def accuracy(predictions, labels):
    share = (predictions == labels).float().mean().item()

# %% 0.1 wrong "returns the comparison itself" expect "expected a number, got a tensor"
def accuracy(predictions, labels):
    return (predictions == labels).float()

# %% 0.1 wrong "mean of booleans" expect "RuntimeError"
def accuracy(predictions, labels):
    return (predictions == labels).mean()

# %% 0.1 wrong "classes that occur in both" expect "Count the positions that agree"
def accuracy(predictions, labels):
    return len(set(predictions.tolist()) & set(labels.tolist())) / len(labels)

# %% 0.1 right "a loop over pairs"
def accuracy(predictions, labels):
    pairs = zip(predictions.tolist(), labels.tolist())
    return sum(p == t for p, t in pairs) / len(labels)

# %% 0.1 right "counts with torch.eq and numel, as a 0-d tensor"
def accuracy(predictions, labels):
    return torch.eq(predictions, labels).sum() / labels.numel()

# %% 0.1 right "through NumPy"
def accuracy(predictions, labels):
    return float(np.mean(predictions.numpy() == labels.numpy()))

# %% predict-0-2 wrong "a: noise for people is noise for all" expect "every picture was rearranged in the same way"
predict_0_2 = "a"

# %% predict-0-2 wrong "b: the MLP needs the picture" expect "which of an MLP's connections"
predict_0_2 = "b"

# %% predict-0-2 right "c"
predict_0_2 = "c"

# %% 0.2 wrong "deep learning for everything" expect "whatever is learnt can only imitate it"
choices = {
    "isbn": "scratch",
    "loan": "scratch",
    "shop": "scratch",
    "leaf": "scratch",
    "pump": "scratch",
    "clicks": "scratch",
}

# %% 0.2 wrong "learns a published formula" expect "A check digit is an exact, published rule"
choices = {
    "isbn": "linear",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "trees explain themselves" expect "hundreds of trees together"
choices = {
    "isbn": "program",
    "loan": "boosting",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "a network for lack of a formula in the law" expect "which weights can be read like that"
choices = {
    "isbn": "program",
    "loan": "pretrained",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "writes the credit rule by hand" expect "nobody published the rule"
choices = {
    "isbn": "program",
    "loan": "program",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "a network for 40 columns" expect "what a network bears worst"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "scratch",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "something pretrained for shops" expect "no network has seen these 40 columns"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "pretrained",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "reads weights that nobody asked for" expect "only accuracy counts"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "linear",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "few rows, so trees on pixels" expect "few rows is no reason for trees"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "boosting",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "few pictures, a network of one's own" expect "who knows already"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "scratch",
    "pump": "scratch",
    "clicks": "boosting",
}

# %% 0.2 wrong "a photograph network for vibrations" expect "no published network has heard such signals"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "pretrained",
    "clicks": "boosting",
}

# %% 0.2 wrong "trees on raw signals" expect "trees need columns that mean something"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "boosting",
    "clicks": "boosting",
}

# %% 0.2 wrong "many rows and the highest number, so a network" expect "0.001 is far within the spread"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "scratch",
}

# %% 0.2 wrong "the cheapest, though far behind" expect "that is no tie"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "scratch",
    "clicks": "linear",
}

# %% 0.2 wrong "forgets the pumps" expect "expected one of"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "pretrained",
    "clicks": "boosting",
}

# %% 0.2 wrong "a word that is not on the list" expect "expected one of"
choices = {
    "isbn": "program",
    "loan": "linear",
    "shop": "boosting",
    "leaf": "pretrained",
    "pump": "deep learning",
    "clicks": "boosting",
}

# %% 0.2 right "built up entry by entry"
choices = dict.fromkeys(["shop", "clicks"], "boosting")
choices["isbn"] = "program"
choices["loan"] = "linear"
choices |= {"leaf": "pretrained", "pump": "scratch"}

# %% 0.2 right "from tools to problems"
problems = {
    "program": ["isbn"],
    "linear": ["loan"],
    "boosting": ["shop", "clicks"],
    "pretrained": ["leaf"],
    "scratch": ["pump"],
}
choices = {problem: tool for tool, those in problems.items() for problem in those}

# %% predict-0-3 wrong "a: the information is the same" expect "one tool adds columns up"
predict_0_3 = "a"

# %% predict-0-3 wrong "b: both change" expect "one of the two only asks whether a value lies above"
predict_0_3 = "b"

# %% predict-0-3 wrong "c: trees depend on units" expect "it is the other way round"
predict_0_3 = "c"

# %% predict-0-3 right "d"
predict_0_3 = "d"

# %% predict-0-4 wrong "a: two mistakes fewer, so better" expect "how much would another split change"
predict_0_4 = "a"

# %% predict-0-4 wrong "b: no difference proven, so none there" expect "does not prove that there is none"
predict_0_4 = "b"

# %% predict-0-4 right "c"
predict_0_4 = "c"

# %% 0.3 wrong "statistics of all rows" expect "a leak: the test rows took part"
def standardise(train, test):
    rows = np.concatenate([train, test])
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    std = np.where(std == 0, 1, std)
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "test rows by their own statistics" expect "scaled by their own mean and deviation"
def standardise(train, test):
    def scale(table):
        std = table.std(axis=0)
        return (table - table.mean(axis=0)) / np.where(std == 0, 1, std)
    return scale(train), scale(test)
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "one mean for the whole table" expect "each column needs its own (axis=0)"
def standardise(train, test):
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the variance instead of the deviation" expect "not by the variance"
def standardise(train, test):
    mean, var = train.mean(axis=0), train.var(axis=0)
    var = np.where(var == 0, 1, var)
    return (train - mean) / var, (test - mean) / var
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the deviation with n - 1" expect "np.std divides by n"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0, ddof=1)
    std = np.where(std == 0, 1, std)
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "only centred" expect "shifted, but not divided"
def standardise(train, test):
    mean = train.mean(axis=0)
    return train - mean, test - mean
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "one mean a row" expect "Each column has its own mean and deviation"
def standardise(train, test):
    mean, std = train.mean(axis=1, keepdims=True), train.std(axis=1, keepdims=True)
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "nothing for a constant column" expect "0 divided by 0"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "a tiny number in the denominator" expect "blows the column up"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / (std + 1e-8), (test - mean) / (std + 1e-8)
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "writes into the tables" expect "your code writes into its input"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    train -= mean
    train /= std
    test -= mean
    test /= std
    return train, test
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "trains the model that it was given" expect "the model still knows the first trial"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    return model.fit(train_x, train_y).predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "does not standardise" expect "the model was asked about columns as they are"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    return clone(model).fit(train_x, train_y).predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "standardises the training rows only" expect "about rows that are not standardised"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, _ = standardise(train_x, test_x)
    return clone(model).fit(train_x, train_y).predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "predicts the training rows" expect "these are predictions for the training rows"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    return clone(model).fit(train_x, train_y).predict(train_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "returns probabilities" expect "Return what `predict` gives"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    return clone(model).fit(train_x, train_y).predict_proba(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the spread with n" expect "divides by n - 1"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std().item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "second minus first" expect "this looks like second minus first"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(second) - np.array(first)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the spreads of both tools together" expect "not of both tools together"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    mean = (np.mean(first) - np.mean(second)).item()
    spread = np.sqrt(np.var(first, ddof=1) + np.var(second, ddof=1)).item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the sum of both spreads" expect "not the sum of two spreads"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    mean = (np.mean(first) - np.mean(second)).item()
    spread = (np.std(first, ddof=1) + np.std(second, ddof=1)).item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the spread of the first tool" expect "not of one tool"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    mean = (np.mean(first) - np.mean(second)).item()
    spread = np.std(first, ddof=1).item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the higher mean wins" expect "a lead within two spreads decides nothing"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the second can never win" expect "a clear loss of the first is a win of the second"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "first" if mean > 2 * spread else "undecided"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "decided is always the first" expect "the sign names the winner"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "first" if abs(mean) > 2 * spread else "undecided"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the error of the mean as the spread" expect "do not divide by the root of n"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), (d.std(ddof=1) / np.sqrt(len(d))).item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "one spread is enough" expect "a lead within two spreads decides nothing"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "undecided"
    if abs(mean) > 0.5 * spread:
        winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "returns a tuple" expect "expected a dict, got a tuple"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    return mean, spread, "first" if mean > 2 * spread else "undecided"

# %% 0.3 wrong "a constant column by its deviation" expect "rounding makes this deviation 1e-17"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std == 0, 1, std)
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "first" if mean > 0 else "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "the spread with n, and names of its own" expect "divides by n - 1"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std().item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "one" if mean > 0 else "two"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "names of its own for the winner" expect "The winner is one of the words"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "one" if mean > 0 else "two"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 wrong "forgets the winner" expect "not the right keys"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[train.max(axis=0) == train.min(axis=0)] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "undecided"
    if abs(mean) > 2 * spread:
        winner = "first"
    return {"difference": mean, "spread": spread}

# %% 0.3 wrong "nan_to_num for a constant column" expect "nan_to_num hides"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    return np.nan_to_num((train - mean) / std), np.nan_to_num((test - mean) / std)
# cell ex-0-3-b
def trial(model, train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    train_scaled, test_scaled = standardise(train_x, test_x)
    return clone(model).fit(train_scaled, train_y).predict(test_scaled)
# cell ex-0-3-c
def decide(first: list[float], second: list[float]) -> dict[str, float | str]:
    d = np.array(first) - np.array(second)
    difference, spread = d.mean().item(), d.std(ddof=1).item()
    winner = "undecided"
    if abs(difference) > 2 * spread:
        winner = "first" if difference > 0 else "second"
    return {"difference": difference, "spread": spread, "winner": winner}

# %% 0.3 wrong "rounds as the example does" expect "did you round to two digits"
def standardise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = train.mean(axis=0)
    std = np.where(train.max(axis=0) == train.min(axis=0), 1, train.std(axis=0))
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    train_scaled, test_scaled = standardise(train_x, test_x)
    return clone(model).fit(train_scaled, train_y).predict(test_scaled)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    mean, spread = d.mean(), d.std(ddof=1)
    winner = "undecided" if abs(mean) <= 2 * spread else "first" if mean > 0 else "second"
    return {"difference": round(mean, 2), "spread": round(spread, 2), "winner": winner}

# %% 0.3 wrong "the winner alone" expect "Return a dict"
def standardise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = train.mean(axis=0)
    std = np.where(train.max(axis=0) == train.min(axis=0), 1, train.std(axis=0))
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    train_scaled, test_scaled = standardise(train_x, test_x)
    return clone(model).fit(train_scaled, train_y).predict(test_scaled)
# cell ex-0-3-c
def decide(first, second):
    d = np.array(first) - np.array(second)
    if abs(d.mean()) <= 2 * d.std(ddof=1):
        return "undecided"
    return "first" if d.mean() > 0 else "second"

# %% 0.3 right "scikit-learn's scaler and pipeline, the statistics module"
def standardise(train, test):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    return make_pipeline(StandardScaler(), clone(model)).fit(train_x, train_y).predict(test_x)
# cell ex-0-3-c
import statistics


def decide(first, second):
    d = [a - b for a, b in zip(first, second)]
    mean, spread = statistics.mean(d), statistics.stdev(d)
    sure = abs(mean) > 2 * spread
    winner = {True: "first" if mean > 0 else "second", False: "undecided"}[sure]
    return dict(difference=mean, spread=spread, winner=winner)

# %% 0.3 right "column by column, in plain loops and torch"
def standardise(train, test):
    new_train, new_test = np.empty_like(train), np.empty_like(test)
    for j in range(train.shape[1]):
        column = train[:, j]
        mean = sum(column) / len(column)
        std = (sum((column - mean) ** 2) / len(column)) ** 0.5
        if max(column) == min(column):
            std = 1
        new_train[:, j] = (column - mean) / std
        new_test[:, j] = (test[:, j] - mean) / std
    return new_train, new_test
# cell ex-0-3-b
import copy


def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = type(model)(**copy.deepcopy(model.get_params()))
    return fresh.fit(train_x, train_y).predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = torch.tensor(first, dtype=torch.float64) - torch.tensor(second, dtype=torch.float64)
    spread, mean = torch.std_mean(d)
    if mean.abs() > 2 * spread:
        winner = "first" if mean > 0 else "second"
    else:
        winner = "undecided"
    return {"difference": mean.item(), "spread": spread.item(), "winner": winner}

# %% 0.3 right "NumPy throughout, other order of steps, a tolerance for the constant column"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std < 1e-12 * np.abs(train).max(axis=0)] = 1
    std[np.ptp(train, axis=0) == 0] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 right "column by column, in plain loops and torch"
def standardise(train, test):
    new_train, new_test = np.empty_like(train), np.empty_like(test)
    for j in range(train.shape[1]):
        column = train[:, j]
        mean = sum(column) / len(column)
        std = (sum((column - mean) ** 2) / len(column)) ** 0.5
        if max(column) == min(column):
            std = 1
        new_train[:, j] = (column - mean) / std
        new_test[:, j] = (test[:, j] - mean) / std
    return new_train, new_test
# cell ex-0-3-b
import copy


def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = type(model)(**copy.deepcopy(model.get_params()))
    return fresh.fit(train_x, train_y).predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = torch.tensor(first, dtype=torch.float64) - torch.tensor(second, dtype=torch.float64)
    spread, mean = torch.std_mean(d)
    if mean.abs() > 2 * spread:
        winner = "first" if mean > 0 else "second"
    else:
        winner = "undecided"
    return {"difference": mean.item(), "spread": spread.item(), "winner": winner}

# %% 0.3 right "NumPy throughout, other order of steps, a tolerance for the constant column"
def standardise(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std < 1e-12 * np.abs(train).max(axis=0)] = 1
    std[np.ptp(train, axis=0) == 0] = 1
    return (train - mean) / std, (test - mean) / std
# cell ex-0-3-b
def trial(model, train_x, train_y, test_x):
    train_x, test_x = standardise(train_x, test_x)
    fresh = clone(model)
    fresh.fit(train_x, train_y)
    return fresh.predict(test_x)
# cell ex-0-3-c
def decide(first, second):
    d = np.subtract(first, second)
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if abs(mean) <= 2 * spread:
        winner = "undecided"
    elif mean > 0:
        winner = "first"
    else:
        winner = "second"
    return {"difference": mean, "spread": spread, "winner": winner}

# %% 0.3 right "a scaler, a pipeline with a deep copy, the statistics module"
def standardise(train, test):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)
# cell ex-0-3-b
import copy
def trial(model, train_x, train_y, test_x):
    pipe = make_pipeline(StandardScaler(), copy.deepcopy(model))
    pipe.fit(train_x, train_y)
    return pipe.predict(test_x)
# cell ex-0-3-c
import statistics
def decide(first, second):
    d = [a - b for a, b in zip(first, second)]
    mean, spread = statistics.mean(d), statistics.stdev(d)
    winner = "first" if mean > 2 * spread else "second" if mean < -2 * spread else "undecided"
    return dict(difference=mean, spread=spread, winner=winner)

# %% 0.3 right "column by column; torch, and a word out of a NumPy array"
def standardise(train, test):
    train, test = train.copy(), test.copy()
    for j in range(train.shape[1]):
        mean = np.mean(train[:, j])
        std = 1 if np.ptp(train[:, j]) == 0 else np.std(train[:, j])
        train[:, j] = (train[:, j] - mean) / std
        test[:, j] = (test[:, j] - mean) / std
    return train, test
# cell ex-0-3-b
def trial(model, train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    train_scaled, test_scaled = standardise(train_x, test_x)
    return clone(model).fit(train_scaled, train_y).predict(test_scaled)
# cell ex-0-3-c
def decide(first, second):
    d = torch.tensor(first) - torch.tensor(second)
    mean, spread = d.mean(), d.std()
    words = np.array(["second", "undecided", "first"])
    side = int(mean > 2 * spread) - int(mean < -2 * spread)
    return {"difference": mean, "spread": spread, "winner": words[1 + side]}

# %% predict-0-5 wrong "a: moved without a word" expect "a silent copy would hide"
predict_0_5 = "a"

# %% predict-0-5 wrong "b: the faster device wins" expect "who moves it"
predict_0_5 = "b"

# %% predict-0-5 right "c"
predict_0_5 = "c"
