"""The right answers: numbers and letters as hashes, functions as references.

``kinds.digest`` makes the hash of a new one.
"""

from collections.abc import Mapping

from s2i_lib.exercises.kinds import Choice, Code, Number
from s2i_lib.exercises.references import CODE

EXERCISES: Mapping[str, Number | Choice | Code] = {
    **CODE,
    "00.1": Number("8074bfbd", 0.01, {"4e57a6cf": "mind the sign: the logarithm of a probability is never positive."}),
    "00.3": Number("183a1737"),
    "01.1": Number("2b2669d5"),
    "01.2": Number("a3b98647", 0.01, {"163977ef": "the described class fits, too."}),
    "02.1": Number("75130d25", 0.01),
    "02.3": Number("0d13cb30", 1, {"2b33461e": "half the sample rate is 4,000 Hz: nothing above that can be told."}),
    "03.3": Number("931d9136", 0.1, {"35d8a6ed": "that is 10 log10; the ratio is one of amplitudes."}),
    "04.1": Number("5636da11", 0.1),
    "04.3": Number("8bf654ee", 0.1, {"e87a14a1": "the larger variance is not the larger ratio."}),
    "05.1": Number("89de0abc", 0.5, {"dc7bb436": "each layer rounds up."}),
    "05.3": Number("e41635e4", 0.002, {"b71102c7": "that is the divergence in the other order, as in the released code."}),
    "06.1": Number("f9b45db3", 0.01, {"a85ff229": "there are three scales."}),
    "06.3": Number("bdacedb7", 1, {"52b3fb45": "after 1,000 steps it has fallen to 1/e, not to one half."}),
    "07.2": Number("d31124c4", 0.01, {"3f2369a0": "that would need both classes equally often."}),
    "07.3": Number("1cabe4ed", 0.01),
    "08.1": Number("e2a60ca4", 0.005, {"82aa344e": "some colour always leads."}),
    "08.2": Number("facf3304", 0.5, {"2c562f87": "P(X > 25) is not P(X >= 25)."}),
    "09.2": Choice("f1c1e261"),
    "09.3": Number("eb311cac", 0.0003, {"5f81e59c": "that compares the accuracies."}),
    "10.1": Number("a1cc2f23", 0.01, {"131f5842": "that is the loss if it were right."}),
    "10.3": Number("e40fcdcb", 0.0003, {"8b3052a4": "that is the loss before."}),
    "11.1": Number("54c9f363", 0.5, {"4fd75d94": "poolings round up."}),
    "11.2": Number("d193f920", 0.01, {"92154fd6": "the second and the third term have the weight one half."}),
    "12.1": Number("ca50c7a1", 0.01, {"0486fd01": "insertions have no upper bound."}),
    "12.2": Number(
        "8e36d3bc",
        0.003,
        {"3cbd4844": "all three words have to be right.", "e5f771ef": "probabilities multiply; they do not add."},
    ),
    "13.1": Number("4d851462", 0.02, {"285d2427": "an interval is as wide as a deviation, not as a variance."}),
    "13.3": Number(
        "9f7cbc98",
        1,
        {"10cb49fd": "that would be so for a correlation of 1.", "5615476a": "that would be so for a correlation of 0."},
    ),
    "14.1": Number("3771176f", 0.005, {"55a04060": "that adds A to a method without B."}),
    "14.3": Number("cdcff23f", 0.005, {"205e0506": "both runs scatter.", "6c92024c": "in either direction."}),
    "15.1": Number("04574a66", 0.1, {"275c29eb": "that is the mean, which a squared distance would ask for."}),
    "15.2": Choice("a9c461d7"),
    "15.3": Number("aa4d8ed2", 0.01, {"ef01ec1c": "that would be so for the mean over the steps that hold speech."}),
    "16.2": Choice("73dba7e3"),
    "16.3": Number("d12d639d", 0.005, {"71ded54e": "pixels, not sides."}),
    "17.1": Number("f334f431", 0.005, {"3682a321": "the line cuts through the sphere."}),
    "17.3": Number(
        "d5cb9bed", 0.01, {"4a5a3996": "that divides by n - 1; the chapter describes these steps and estimates nothing."}
    ),
    "18.1": Number(
        "2c7de42c",
        0.001,
        {"0829b183": "1.96 is the factor of very many runs.", "bcae18e5": "the deviation is estimated: divide by n - 1."},
    ),
    "18.3": Number("106f75f5", 0.005, {"727357f2": "that is how many are expected, not a probability."}),
    "19.1": Number("f7aa04cb", 0.02, {"49925f3c": "that would be twice the amplitude."}),
    "19.2": Number("4cd503aa", 0.005),
    "19.3": Number("af16255b", 0.003, {"3ec83ec2": "a guess is right sometimes."}),
    "20.1": Number("c0a9ea4e", 0.05, {"5e9ecee3": "that is the share; the answer is in decibels."}),
    "20.3": Number("8086c1ee", 0.005, {"d8c3a209": "that is the whole gain."}),
    "21.1": Number("c1a83423", 0.1, {"81e8f161": "only 20 classes are in the test."}),
    "21.2": Number(
        "276c487a",
        0.5,
        {"26a4e4fe": "the mean is subtracted first.", "f64ec270": "fewer pictures than dimensions cannot fill them all."},
    ),
    "21.3": Number("7b3e91c6", 1),
    "22.1": Number("204528d8", 0.1, {"2654d634": "the score is no accuracy."}),
    "22.2": Number("e82732f3", 0.5, {"ed175a2b": "that is the score of all pictures together, or of shuffled parts."}),
    "23.2": Number("1c9809c0", 0.1, {"3ab4851d": "pixels, not sides."}),
    "23.3": Number("481911a5", 0.5, {"f117fff3": "that is the weights alone.", "9ffdb16b": "Adam keeps two moments."}),
    "24.1": Number("d951735a", 0.5, {"26ae738a": "each part has two forms.", "90f7ee0a": "choices multiply."}),
    "24.2": Number("39800667", 0.003, {"3a2a928d": "that is the ratio of the accuracies; subtract chance first."}),
    "25.1": Number("8e8ecdbb", 0.01, {"cb515811": "the other way round."}),
    "25.3": Number("139d8ebf", 0.5, {"d875aaa0": "with the square of the length."}),
    "26.1": Number("bf329c68", 0.002, {"833da9ae": "divide by the sum."}),
    "26.3": Number("f939f30b", 0.005, {"701f2e5f": "that is the share of the others that are refused."}),
    "27.1": Number("90db7f9a", 0.005, {"a0f4248b": "the step itself costs time, too."}),
    "27.2": Number("c67d57c8", 0.5, {"90ac8427": "these are positions of the unshuffled picture, of two pixels each."}),
    "27.3": Number("4ff283b0", 0.02, {"9093546c": "with the factor one half."}),
    "28.1": Number("4637a0ea", 0.005, {"6bffce93": "that takes e for zero."}),
    "28.3": Number("04b51864", 0.002, {"dfae2f35": "that compares the accuracies."}),
    "29.1": Number("a4fb963d", 0.005, {"ccc66a1a": "that is with one of the two generators."}),
    "29.2": Number("933efc70", 0.005, {"13ea7050": "that is the whole gain."}),
}
